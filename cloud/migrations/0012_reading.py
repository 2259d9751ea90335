from tortoise import migrations
from tortoise.migrations import operations as ops
from tortoise import fields
from tortoise.indexes import Index

class Migration(migrations.Migration):
    dependencies = [('cloud', '0011_people')]

    initial = False

    operations = [
        ops.CreateModel(
            name='ReadingPolicy',
            fields=[
                ('site', fields.CharField(primary_key=True, unique=True, db_index=True, max_length=32)),
                ('blind', fields.BooleanField()),
                ('set_by', fields.CharField(max_length=64)),
                ('set_utc_ns', fields.BigIntField()),
            ],
            options={'table': 'reading_policy', 'app': 'cloud', 'pk_attr': 'site', 'table_description': "How a site reads: `blind` hides what networks and other readers said of an event until one's own verdict. No row: not blind."},
            bases=['Model'],
        ),
        ops.AddField(
            model_name='Label',
            name='suggestion_shown',
            field=fields.BooleanField(db_default=False),
        ),
        # labels from before: whether one of the verdicts that they rest on was given with a suggestion on the screen
        ops.RunSQL(
            'UPDATE label SET suggestion_shown = EXISTS (SELECT 1 FROM review WHERE review.event_id = label.event_id'
            ' AND review.verdict = label.verdict AND review.suggestion_shown AND review.reviewed_utc_ns <= label.agreed_utc_ns)',
            'SELECT 1',
        ),
        ops.AddIndex(
            model_name='ReviewTask',
            index=Index(fields=['site', 'state', 'start_utc_ns', 'event_id']),
        ),
    ]
