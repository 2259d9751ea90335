from tortoise import migrations
from tortoise.migrations import operations as ops
import functools
from json import dumps, loads
from uuid import uuid4
from tortoise import fields
from tortoise.indexes import Index

class Migration(migrations.Migration):
    dependencies = [('cloud', '0003_differences')]

    initial = False

    operations = [
        ops.CreateModel(
            name='Pull',
            fields=[
                ('pull_id', fields.UUIDField(primary_key=True, default=uuid4, unique=True, db_index=True)),
                ('site', fields.CharField(max_length=32)),
                ('bed', fields.CharField(max_length=32)),
                ('cause', fields.CharField(max_length=16)),
                ('start_utc_ns', fields.BigIntField()),
                ('end_utc_ns', fields.BigIntField()),
                ('asked_by', fields.CharField(max_length=64)),
                ('asked_at_ns', fields.BigIntField()),
                ('expires_at_ns', fields.BigIntField()),
                ('reference_id', fields.UUIDField(null=True)),
                ('state', fields.CharField(max_length=16)),
                ('reason', fields.CharField(default='', db_default='', max_length=500)),
                ('parts', fields.JSONField(null=True, encoder=functools.partial(dumps, separators=(',', ':')), decoder=loads)),
                ('answered_at_ns', fields.BigIntField(null=True)),
                ('sent_at_ns', fields.BigIntField(default=0, db_default=0)),
            ],
            options={'table': 'pull', 'app': 'cloud', 'indexes': [Index(fields=['site', 'asked_at_ns']), Index(fields=['state', 'site', 'bed'])], 'pk_attr': 'pull_id', 'table_description': "One wish (shared.pull.PullRequest), who had it, how it stands, and the bed's parts (shared.pull.PullPart as JSON)."},
            bases=['Model'],
        ),
    ]
