from tortoise import migrations
from tortoise.migrations import operations as ops
from tortoise import fields
from tortoise.indexes import Index

class Migration(migrations.Migration):
    dependencies = [('cloud', '0002_transfer')]

    initial = False

    operations = [
        ops.CreateModel(
            name='DifferenceRow',
            fields=[
                ('id', fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ('site', fields.CharField(max_length=32)),
                ('bed', fields.CharField(max_length=32)),
                ('kind', fields.CharField(max_length=16)),
                ('subject', fields.CharField(max_length=80)),
                ('first_sequence', fields.BigIntField()),
                ('last_sequence', fields.BigIntField()),
                ('sentence', fields.CharField(max_length=400)),
                ('state', fields.CharField(max_length=16)),
                ('found_at_ns', fields.BigIntField()),
                ('last_at_ns', fields.BigIntField()),
                ('resolved_at_ns', fields.BigIntField(null=True)),
            ],
            options={'table': 'difference', 'app': 'cloud', 'unique_together': (('site', 'bed', 'kind', 'subject'),), 'indexes': [Index(fields=['site', 'last_at_ns'])], 'pk_attr': 'id', 'table_description': "Something that a bed and the cloud told differently of one another's messages and clips (cloud/ingest/comparison.py)."},
            bases=['Model'],
        ),
    ]
