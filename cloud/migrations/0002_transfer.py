from tortoise import migrations
from tortoise.migrations import operations as ops
from tortoise import fields

class Migration(migrations.Migration):
    dependencies = [('cloud', '0001_initial')]

    initial = False

    operations = [
        ops.CreateModel(
            name='ObjectUpload',
            fields=[
                ('id', fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ('site', fields.CharField(max_length=32)),
                ('bed', fields.CharField(max_length=32)),
                ('sha256', fields.CharField(max_length=64)),
                ('size_bytes', fields.BigIntField()),
                ('upload_id', fields.TextField(unique=False)),
                ('asked_at_ns', fields.BigIntField()),
            ],
            options={'table': 'object_upload', 'app': 'cloud', 'unique_together': (('site', 'bed', 'sha256'),), 'pk_attr': 'id', 'table_description': 'A multipart upload of one object that a bed sends to S3 itself; which parts came is what the store says.'},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='ReceivedChunk',
            fields=[
                ('id', fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ('site', fields.CharField(max_length=32)),
                ('bed', fields.CharField(max_length=32)),
                ('sha256', fields.CharField(max_length=64)),
                ('number', fields.IntField()),
                ('chunk_sha256', fields.CharField(max_length=64)),
                ('size_bytes', fields.BigIntField()),
                ('received_at_ns', fields.BigIntField()),
            ],
            options={'table': 'received_chunk', 'app': 'cloud', 'unique_together': (('site', 'bed', 'sha256', 'number'),), 'pk_attr': 'id', 'table_description': 'A chunk of an object under way to a folder, checked against its own hash and flushed to the disk.'},
            bases=['Model'],
        ),
        ops.AddField(
            model_name='Clip',
            name='segments_lost',
            field=fields.IntField(default=0, db_default=0),
        ),
        ops.DeleteModel(name='ObjectChunk'),
    ]
