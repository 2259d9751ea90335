from tortoise import migrations
from tortoise.migrations import operations as ops
import functools
from json import dumps, loads
from uuid import uuid4
from tortoise import fields
from tortoise.indexes import Index

class Migration(migrations.Migration):
    dependencies = [('cloud', '0005_references')]

    initial = False

    operations = [
        ops.CreateModel(
            name='AnnotationVersion',
            fields=[
                ('id', fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ('event_id', fields.UUIDField()),
                ('site', fields.CharField(max_length=32)),
                ('annotator', fields.CharField(max_length=64)),
                ('version', fields.IntField()),
                ('body', fields.JSONField(encoder=functools.partial(dumps, separators=(',', ':')), decoder=loads)),
                ('suggestion_shown', fields.BooleanField()),
                ('saved_utc_ns', fields.BigIntField()),
            ],
            options={'table': 'annotation', 'app': 'cloud', 'unique_together': (('event_id', 'annotator', 'version'),), 'pk_attr': 'id', 'table_description': 'One version of what one reader marked in an event (shared.annotation.Annotation as JSON); the highest version holds.'},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='Claim',
            fields=[
                ('event_id', fields.UUIDField(primary_key=True, default=uuid4, unique=True, db_index=True)),
                ('site', fields.CharField(max_length=32)),
                ('holder', fields.CharField(max_length=64)),
                ('taken_utc_ns', fields.BigIntField()),
                ('expires_utc_ns', fields.BigIntField()),
            ],
            options={'table': 'claim', 'app': 'cloud', 'pk_attr': 'event_id', 'table_description': 'Who works on an event until when. An expired one stays to be seen until somebody else takes the event.'},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='SavedView',
            fields=[
                ('id', fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ('account', fields.CharField(max_length=64)),
                ('name', fields.CharField(max_length=60)),
                ('filters', fields.JSONField(encoder=functools.partial(dumps, separators=(',', ':')), decoder=loads)),
                ('saved_utc_ns', fields.BigIntField()),
            ],
            options={'table': 'saved_view', 'app': 'cloud', 'unique_together': (('account', 'name'),), 'pk_attr': 'id', 'table_description': "A person's own filter of the worklist under a name."},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='StayCorrection',
            fields=[
                ('id', fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ('site', fields.CharField(max_length=32)),
                ('stay_id', fields.UUIDField()),
                ('from_code', fields.CharField(max_length=13)),
                ('to_code', fields.CharField(max_length=13)),
                ('reason', fields.CharField(max_length=200)),
                ('corrected_by', fields.CharField(max_length=64)),
                ('corrected_utc_ns', fields.BigIntField()),
            ],
            options={'table': 'stay_correction', 'app': 'cloud', 'indexes': [Index(fields=['site', 'stay_id'])], 'pk_attr': 'id', 'table_description': 'A stay whose code was wrong: both codes, who corrected it, when and why. Rows are only ever added.'},
            bases=['Model'],
        ),
        ops.AddIndex(
            model_name='Event',
            index=Index(fields=['stay_id', 'start_utc_ns']),
        ),
        ops.AlterModelOptions(
            name='Label',
            options={'table': 'label', 'app': 'cloud', 'unique_together': (('event_id', 'version'),), 'pk_attr': 'id', 'table_description': 'One version of the truth on one event (shared.label.Label); the highest version holds. No readers: all took theirs back.'},
        ),
        ops.AlterModelOptions(
            name='Review',
            options={'table': 'review', 'app': 'cloud', 'unique_together': (('event_id', 'reviewer', 'version'),), 'pk_attr': 'id', 'table_description': 'One verdict by one person, or `withdrawn` for one taken back. A later version replaces it; all versions stay.'},
        ),
        ops.RemoveIndex(
            model_name='ReviewTask',
            name=None,
            fields=['site', 'state', 'rank'],
        ),
        ops.AlterModelOptions(
            name='ReviewTask',
            options={'table': 'review_task', 'app': 'cloud', 'indexes': [Index(fields=['site', 'state', 'urgency', 'event_id']), Index(fields=['site', 'bed', 'state', 'urgency', 'event_id']), Index(fields=['site', 'motor_type', 'state', 'urgency', 'event_id']), Index(fields=['site', 'start_utc_ns', 'state'])], 'pk_attr': 'event_id', 'table_description': 'One a event, made in the transaction that takes the event in; what a page is ordered and filtered by is kept here.'},
        ),
        ops.AddField(
            model_name='ReviewTask',
            name='motor_type',
            field=fields.CharField(db_default='unknown', max_length=64),
        ),
        ops.AddField(
            model_name='ReviewTask',
            name='urgency',
            field=fields.FloatField(db_default=0.0),
        ),
        # rows from before get the order that new ones have: cloud.review.rules.urgency_of
        ops.RunSQL(
            'UPDATE review_task SET motor_type = event.motor_type,'
            ' urgency = review_task.rank - 0.05 * (review_task.start_utc_ns / 86400e9)'
            ' FROM event WHERE event.event_id = review_task.event_id',
            'SELECT 1',
        ),
        ops.AddIndex(
            model_name='ReviewTask',
            index=Index(fields=['site', 'state', 'urgency', 'event_id']),
        ),
        ops.AddIndex(
            model_name='ReviewTask',
            index=Index(fields=['site', 'bed', 'state', 'urgency', 'event_id']),
        ),
        ops.AddIndex(
            model_name='ReviewTask',
            index=Index(fields=['site', 'motor_type', 'state', 'urgency', 'event_id']),
        ),
        ops.AddIndex(
            model_name='ReviewTask',
            index=Index(fields=['site', 'start_utc_ns', 'state']),
        ),
        ops.AddIndex(
            model_name='Stay',
            index=Index(fields=['site', 'patient_code', 'admitted_utc_ns']),
        ),
    ]
