"""Labels: the agreed truth on an event, every version of it."""

from __future__ import annotations

from tortoise import fields
from tortoise.models import Model


class Label(Model):
    """One version of the truth on one event (shared.label.Label); the highest version holds."""

    id = fields.BigIntField(primary_key=True)
    event_id = fields.UUIDField()
    site = fields.CharField(max_length=32)
    verdict = fields.CharField(max_length=16)
    version = fields.IntField()
    readers = fields.IntField()
    agreed_utc_ns = fields.BigIntField()

    class Meta:
        table = "label"
        unique_together = (("event_id", "version"),)
