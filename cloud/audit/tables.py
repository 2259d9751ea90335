"""The audit log's tables: entries chained by their hashes, and the head of each site's chain."""

from __future__ import annotations

from tortoise import fields
from tortoise.indexes import Index
from tortoise.models import Model


class AuditEntry(Model):
    """One deed. `number` counts from 1 within the site; `hash` covers all fields and the hash of the entry before."""

    id = fields.BigIntField(primary_key=True)
    site = fields.CharField(max_length=32)
    number = fields.BigIntField()
    who = fields.CharField(max_length=128)
    deed = fields.CharField(max_length=64)
    subject = fields.CharField(max_length=200)
    details = fields.JSONField[dict[str, object]]()
    at_ns = fields.BigIntField()
    previous_hash = fields.CharField(max_length=64)
    hash = fields.CharField(max_length=64)

    class Meta:
        table = "audit_entry"
        unique_together = (("site", "number"),)
        indexes = (Index(fields=("site", "subject")),)


class AuditHead(Model):
    """The last number and hash of a site's chain; its row lock keeps the chain single."""

    site = fields.CharField(max_length=32, primary_key=True)
    number = fields.BigIntField()
    hash = fields.CharField(max_length=64)

    class Meta:
        table = "audit_head"
