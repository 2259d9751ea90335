"""Accounts, the sites they are for, their sessions, and the count of failed logins. These rows belong to the installation."""

from __future__ import annotations

from tortoise import fields
from tortoise.indexes import Index
from tortoise.models import Model


class Account(Model):
    """A person's local account; the hash is argon2id in PHC form, the second factor's secret base32.

    `totp_step` is the 30 s step of the last code that was taken: each code opens once.
    """

    name = fields.CharField(max_length=64, primary_key=True)
    password_hash = fields.CharField(max_length=256)
    role = fields.CharField(max_length=16)
    active = fields.BooleanField(db_default=True)
    created_utc_ns = fields.BigIntField()
    totp_secret = fields.CharField(max_length=64, null=True)
    totp_pending = fields.CharField(max_length=64, null=True)
    totp_step = fields.BigIntField(db_default=0)
    may_break_glass = fields.BooleanField(db_default=False)

    class Meta:
        table = "account"


class SiteGrant(Model):
    """One site that an account may work for, in the account's role or in another one there."""

    id = fields.BigIntField(primary_key=True)
    account: fields.ForeignKeyRelation[Account] = fields.ForeignKeyField("cloud.Account", related_name="grants")
    site = fields.CharField(max_length=32)
    role = fields.CharField(max_length=16, null=True)

    class Meta:
        table = "site_grant"
        unique_together = (("account", "site"),)


class PersonSession(Model):
    """A session on the server. The cookie's token is kept as its SHA-256 alone, so that a read database opens no door."""

    token_sha256 = fields.CharField(max_length=64, primary_key=True)
    account: fields.ForeignKeyRelation[Account] = fields.ForeignKeyField("cloud.Account", related_name="sessions")
    created_utc_ns = fields.BigIntField()
    used_utc_ns = fields.BigIntField()

    class Meta:
        table = "person_session"


class BrokenGlass(Model):
    """A person who saw a site's patients without a grant, for a stated reason, until the session or the hour ended."""

    id = fields.BigIntField(primary_key=True)
    account = fields.CharField(max_length=64)
    site = fields.CharField(max_length=32)
    session_sha256 = fields.CharField(max_length=64)
    reason = fields.CharField(max_length=200)
    since_utc_ns = fields.BigIntField()
    until_utc_ns = fields.BigIntField()

    class Meta:
        table = "broken_glass"
        unique_together = (("session_sha256", "site"),)
        indexes = (Index(fields=("until_utc_ns",)),)


class LoginFailure(Model):
    """How often a name or an address failed since `window_started_ns`; the key is a hash, whether or not the name exists."""

    key = fields.CharField(max_length=80, primary_key=True)
    failures = fields.IntField()
    window_started_ns = fields.BigIntField()

    class Meta:
        table = "login_failure"
