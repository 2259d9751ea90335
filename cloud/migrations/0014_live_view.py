from tortoise import migrations
from tortoise.migrations import operations as ops
from uuid import uuid4
from tortoise import fields
from tortoise.indexes import Index

class Migration(migrations.Migration):
    dependencies = [('cloud', '0013_enrolment')]

    initial = False

    operations = [
        ops.CreateModel(
            name='LiveView',
            fields=[
                ('view_id', fields.UUIDField(primary_key=True, default=uuid4, unique=True, db_index=True)),
                ('site', fields.CharField(max_length=32)),
                ('bed', fields.CharField(max_length=32)),
                ('stream', fields.CharField(max_length=16)),
                ('viewer', fields.CharField(max_length=64)),
                ('state', fields.CharField(max_length=16)),
                ('offer', fields.TextField(unique=False)),
                ('answer', fields.TextField(default='', db_default='', unique=False)),
                ('cause', fields.CharField(default='', db_default='', max_length=16)),
                ('sentence', fields.CharField(default='', db_default='', max_length=500)),
                ('asked_at_ns', fields.BigIntField()),
                ('sent_at_ns', fields.BigIntField(default=0, db_default=0)),
                ('seen_at_ns', fields.BigIntField()),
                ('joined_at_ns', fields.BigIntField(null=True)),
                ('ended_at_ns', fields.BigIntField(null=True)),
                ('hangup_due', fields.BooleanField(default=False, db_default=False)),
            ],
            options={'table': 'live_view', 'app': 'cloud', 'indexes': [Index(fields=['state', 'site', 'bed']), Index(fields=['ended_at_ns'])], 'pk_attr': 'view_id', 'table_description': "One person's view of one stream of one bed. `state` is cloud.live_view.rules.ViewState."},
            bases=['Model'],
        ),
    ]
