from tortoise import migrations
from tortoise.migrations import operations as ops
from uuid import uuid4
from tortoise import fields
from tortoise.indexes import Index

class Migration(migrations.Migration):
    dependencies = [('cloud', '0004_pulls')]

    initial = False

    operations = [
        ops.CreateModel(
            name='ReferenceList',
            fields=[
                ('list_id', fields.UUIDField(primary_key=True, default=uuid4, unique=True, db_index=True)),
                ('site', fields.CharField(max_length=32)),
                ('stay_id', fields.UUIDField()),
                ('name', fields.CharField(max_length=120)),
                ('file_sha256', fields.CharField(max_length=64)),
                ('settings', fields.CharField(max_length=200)),
                ('clock_offset_ns', fields.BigIntField()),
                ('seizures', fields.IntField()),
                ('passed_over', fields.IntField()),
                ('imported_by', fields.CharField(max_length=64)),
                ('imported_at_ns', fields.BigIntField()),
            ],
            options={'table': 'reference_list', 'app': 'cloud', 'unique_together': (('stay_id', 'file_sha256'),), 'indexes': [Index(fields=['site', 'stay_id'])], 'pk_attr': 'list_id', 'table_description': 'One imported file. The same file again in the same stay takes the place of its earlier import.'},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='ReferenceSeizure',
            fields=[
                ('reference_id', fields.UUIDField(primary_key=True, default=uuid4, unique=True, db_index=True)),
                ('list_id', fields.UUIDField()),
                ('site', fields.CharField(max_length=32)),
                ('stay_id', fields.UUIDField()),
                ('start_utc_ns', fields.BigIntField()),
                ('end_utc_ns', fields.BigIntField()),
                ('kind', fields.CharField(max_length=64)),
                ('line', fields.IntField()),
            ],
            options={'table': 'reference_seizure', 'app': 'cloud', 'indexes': [Index(fields=['site', 'stay_id', 'start_utc_ns'])], 'pk_attr': 'reference_id', 'table_description': "One seizure of a list, in the unit's own time; `line` is where it stands in the file."},
            bases=['Model'],
        ),
    ]
