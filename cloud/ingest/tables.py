"""The ledger of the beds' durable messages, the dead letters, and what bed and cloud told differently: all visible to ops."""

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


class DifferenceRow(Model):
    """Something that a bed and the cloud told differently of one another's messages and clips (cloud/ingest/comparison.py).

    `state` is open (the bed was asked to send again), final (neither side can mend it) or resolved.
    """

    id = fields.BigIntField(primary_key=True)
    site = fields.CharField(max_length=32)
    bed = fields.CharField(max_length=32)
    kind = fields.CharField(max_length=16)
    subject = fields.CharField(max_length=80)
    first_sequence = fields.BigIntField()
    last_sequence = fields.BigIntField()
    sentence = fields.CharField(max_length=400)
    state = fields.CharField(max_length=16)
    found_at_ns = fields.BigIntField()
    last_at_ns = fields.BigIntField()
    resolved_at_ns = fields.BigIntField(null=True)

    class Meta:
        table = "difference"
        unique_together = (("site", "bed", "kind", "subject"),)
        indexes = (Index(fields=("site", "last_at_ns")),)
