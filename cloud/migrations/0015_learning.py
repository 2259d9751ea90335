from tortoise import migrations
from tortoise.migrations import operations as ops
import functools
from json import dumps, loads
from tortoise import fields
from tortoise.indexes import Index

class Migration(migrations.Migration):
    dependencies = [('cloud', '0014_live_view')]

    initial = False

    operations = [
        ops.CreateModel(
            name='Dataset',
            fields=[
                ('id', fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ('site', fields.CharField(max_length=32)),
                ('name', fields.CharField(max_length=48)),
                ('version', fields.IntField()),
                ('manifest_sha256', fields.CharField(max_length=64)),
                ('manifest_bytes', fields.BigIntField()),
                ('sites', fields.IntField()),
                ('clips', fields.IntField()),
                ('patients', fields.IntField()),
                ('clips_here', fields.IntField()),
                ('counts', fields.JSONField(encoder=functools.partial(dumps, separators=(',', ':')), decoder=loads)),
                ('left_out', fields.JSONField(encoder=functools.partial(dumps, separators=(',', ':')), decoder=loads)),
                ('query', fields.JSONField(encoder=functools.partial(dumps, separators=(',', ':')), decoder=loads)),
                ('frozen_by', fields.CharField(max_length=64)),
                ('frozen_utc_ns', fields.BigIntField()),
            ],
            options={'table': 'dataset', 'app': 'cloud', 'unique_together': (('manifest_sha256', 'site'),), 'indexes': [Index(fields=['site', 'name', 'version'])], 'pk_attr': 'id', 'table_description': "One site's part of a dataset. Who does not see all `sites` parts of it sees none of it."},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='DatasetClip',
            fields=[
                ('id', fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ('site', fields.CharField(max_length=32)),
                ('manifest_sha256', fields.CharField(max_length=64)),
                ('event_id', fields.UUIDField()),
                ('label_version', fields.IntField()),
            ],
            options={'table': 'dataset_clip', 'app': 'cloud', 'unique_together': (('manifest_sha256', 'event_id'),), 'indexes': [Index(fields=['site', 'event_id'])], 'pk_attr': 'id', 'table_description': 'A clip that a dataset holds, with the version of its label then: the way from a clip to what was learnt from it.'},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='DatasetKey',
            fields=[
                ('id', fields.IntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ('key', fields.CharField(max_length=64)),
            ],
            options={'table': 'dataset_key', 'app': 'cloud', 'pk_attr': 'id', 'table_description': "The installation's one key, hexadecimal, by which patients get their pseudonym and their split; made at the first freezing."},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='Release',
            fields=[
                ('name', fields.CharField(primary_key=True, unique=True, db_index=True, max_length=64)),
                ('kind', fields.CharField(max_length=16)),
                ('card', fields.JSONField(encoder=functools.partial(dumps, separators=(',', ':')), decoder=loads)),
                ('file_sha256', fields.CharField(max_length=64)),
                ('size_bytes', fields.BigIntField()),
                ('candidate', fields.BooleanField(db_default=False)),
                ('uploaded_by', fields.CharField(max_length=64)),
                ('uploaded_utc_ns', fields.BigIntField()),
            ],
            options={'table': 'release', 'app': 'cloud', 'pk_attr': 'name', 'table_description': 'One uploaded release: its signed card (shared.release.ReleaseCard as JSON); the file lies in the object store by its hash.'},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='ReleaseGiven',
            fields=[
                ('id', fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ('site', fields.CharField(max_length=32)),
                ('bed', fields.CharField(max_length=32)),
                ('number', fields.IntField()),
                ('release', fields.CharField(max_length=64)),
                ('deed', fields.CharField(max_length=16)),
                ('body', fields.JSONField(encoder=functools.partial(dumps, separators=(',', ':')), decoder=loads)),
                ('given_by', fields.CharField(max_length=64)),
                ('given_utc_ns', fields.BigIntField()),
            ],
            options={'table': 'release_given', 'app': 'cloud', 'unique_together': (('site', 'bed', 'number'),), 'pk_attr': 'id', 'table_description': 'A signed order to one bed (shared.release_order.ReleaseOrder as JSON); the highest number holds. Rows are only ever added.'},
            bases=['Model'],
        ),
    ]
