"""The worklist's rows, the verdicts with their history, and who has looked at which clip in which session."""

from __future__ import annotations

from tortoise import fields
from tortoise.indexes import Index
from tortoise.models import Model


class ReviewTask(Model):
    """One a event, made in the transaction that takes the event in. `rank` is kept here so that a page is one ordered read."""

    event_id = fields.UUIDField(primary_key=True)
    site = fields.CharField(max_length=32)
    bed = fields.CharField(max_length=32)
    state = fields.CharField(max_length=16)
    rank = fields.FloatField()
    rank_reason = fields.CharField(max_length=200)
    start_utc_ns = fields.BigIntField()
    opened_utc_ns = fields.BigIntField()
    reviewed_utc_ns = fields.BigIntField(null=True)

    class Meta:
        table = "review_task"
        indexes = (Index(fields=("site", "state", "rank")),)


class Review(Model):
    """One verdict by one person. A later version replaces it; all versions stay."""

    id = fields.BigIntField(primary_key=True)
    event_id = fields.UUIDField()
    site = fields.CharField(max_length=32)
    reviewer = fields.CharField(max_length=64)
    version = fields.IntField()
    verdict = fields.CharField(max_length=16)
    suggestion_shown = fields.BooleanField()
    reviewed_utc_ns = fields.BigIntField()

    class Meta:
        table = "review"
        unique_together = (("event_id", "reviewer", "version"),)


class ClipView(Model):
    """That a session has looked at a clip; it lives no longer than a session can."""

    id = fields.BigIntField(primary_key=True)
    event_id = fields.UUIDField()
    site = fields.CharField(max_length=32)
    session_sha256 = fields.CharField(max_length=64)
    viewed_utc_ns = fields.BigIntField()

    class Meta:
        table = "clip_view"
        unique_together = (("event_id", "session_sha256"),)
