from tortoise import migrations
from tortoise.migrations import operations as ops
from tortoise import fields
from tortoise.indexes import Index

class Migration(migrations.Migration):
    dependencies = [('cloud', '0006_worklist')]

    initial = False

    operations = [
        ops.CreateModel(
            name='BrokenGlass',
            fields=[
                ('id', fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ('account', fields.CharField(max_length=64)),
                ('site', fields.CharField(max_length=32)),
                ('session_sha256', fields.CharField(max_length=64)),
                ('reason', fields.CharField(max_length=200)),
                ('since_utc_ns', fields.BigIntField()),
                ('until_utc_ns', fields.BigIntField()),
            ],
            options={'table': 'broken_glass', 'app': 'cloud', 'unique_together': (('session_sha256', 'site'),), 'indexes': [Index(fields=['until_utc_ns'])], 'pk_attr': 'id', 'table_description': "A person who saw a site's patients without a grant, for a stated reason, until the session or the hour ended."},
            bases=['Model'],
        ),
        ops.AlterModelOptions(
            name='Account',
            options={'table': 'account', 'app': 'cloud', 'pk_attr': 'name', 'table_description': "A person's local account; the hash is argon2id in PHC form, the second factor's secret base32."},
        ),
        ops.AddField(
            model_name='Account',
            name='may_break_glass',
            field=fields.BooleanField(db_default=False),
        ),
        ops.AddField(
            model_name='Account',
            name='totp_pending',
            field=fields.CharField(null=True, max_length=64),
        ),
        ops.AddField(
            model_name='Account',
            name='totp_secret',
            field=fields.CharField(null=True, max_length=64),
        ),
        ops.AddField(
            model_name='Account',
            name='totp_step',
            field=fields.BigIntField(db_default=0),
        ),
        ops.AlterModelOptions(
            name='SiteGrant',
            options={'table': 'site_grant', 'app': 'cloud', 'unique_together': (('account', 'site'),), 'pk_attr': 'id', 'table_description': "One site that an account may work for, in the account's role or in another one there."},
        ),
        ops.AddField(
            model_name='SiteGrant',
            name='role',
            field=fields.CharField(null=True, max_length=16),
        ),
    ]
