"""The ledger of the beds' durable messages, and the dead letters: what was refused, visible to ops."""

from __future__ import annotations

from tortoise import fields
from tortoise.indexes import Index
from tortoise.models import Model


class BedMessage(Model):
    """One durable message of a bed, once. A resent one meets the UNIQUE constraint and has no effect."""

    id = fields.BigIntField(primary_key=True)
    site = fields.CharField(max_length=32)
    bed = fields.CharField(max_length=32)
    sequence = fields.BigIntField()
    event_id = fields.UUIDField()
    revision = fields.BigIntField()
    committed_at_ns = fields.BigIntField()

    class Meta:
        table = "bed_message"
        unique_together = (("site", "bed", "sequence", "event_id", "revision"),)


class DeadLetter(Model):
    """A message that will never be taken, why, and how often it came. `digest` is the SHA-256 of topic and payload.

    `sequence` is the bed's number of the message where it can be read: it explains the hole in the ledger.
    """

    id = fields.BigIntField(primary_key=True)
    site = fields.CharField(max_length=32)
    bed = fields.CharField(max_length=32)
    topic = fields.CharField(max_length=256)
    reason = fields.CharField(max_length=500)
    sequence = fields.BigIntField(null=True)
    payload_start = fields.TextField()
    payload_bytes = fields.BigIntField()
    digest = fields.CharField(max_length=64)
    times = fields.BigIntField(default=1)
    first_at_ns = fields.BigIntField()
    last_at_ns = fields.BigIntField()

    class Meta:
        table = "dead_letter"
        unique_together = (("digest",),)
        indexes = (Index(fields=("site", "last_at_ns")),)
