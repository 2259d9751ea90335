from tortoise import migrations
from tortoise.migrations import operations as ops
from tortoise import fields
from tortoise.indexes import Index


class Migration(migrations.Migration):
    dependencies = [("cloud", "0012_reading")]

    initial = False

    operations = [
        ops.CreateModel(
            name="BedCertificate",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("site", fields.CharField(max_length=32)),
                ("bed", fields.CharField(max_length=32)),
                ("serial", fields.CharField(unique=True, max_length=40)),
                ("issued_at_ns", fields.BigIntField()),
                ("ends_at_ns", fields.BigIntField()),
                ("revoked_at_ns", fields.BigIntField(null=True)),
            ],
            options={
                "table": "bed_certificate",
                "app": "cloud",
                "indexes": [Index(fields=["site", "bed", "issued_at_ns"])],
                "pk_attr": "id",
                "table_description": "A certificate that the beds' authority gave out, or one that was revoked by its serial number alone.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="BedEnrolment",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("site", fields.CharField(max_length=32)),
                ("bed", fields.CharField(max_length=32)),
                ("code_sha256", fields.CharField(unique=True, max_length=64)),
                ("made_at_ns", fields.BigIntField()),
                ("ends_at_ns", fields.BigIntField()),
                ("used_at_ns", fields.BigIntField(null=True)),
            ],
            options={
                "table": "bed_enrolment",
                "app": "cloud",
                "pk_attr": "id",
                "table_description": "A one-time code that was given out for a bed: its hash alone, when it ends, and when it was used.",
            },
            bases=["Model"],
        ),
    ]
