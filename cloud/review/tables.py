"""The worklist's rows, who works on which, saved views, the verdicts with their history, who looked at which clip, blind sites."""

from __future__ import annotations

from tortoise import fields
from tortoise.indexes import Index
from tortoise.models import Model


class ReviewTask(Model):
    """One a event, made in the transaction that takes the event in; what a page is ordered and filtered by is kept here.

    `urgency` is the rank less the age's share (cloud.review.rules.urgency_of): its order never changes as time passes.
    """

    event_id = fields.UUIDField(primary_key=True)
    site = fields.CharField(max_length=32)
    bed = fields.CharField(max_length=32)
    state = fields.CharField(max_length=16)
    rank = fields.FloatField()
    rank_reason = fields.CharField(max_length=200)
    urgency = fields.FloatField(db_default=0.0)
    motor_type = fields.CharField(max_length=64, db_default="unknown")
    start_utc_ns = fields.BigIntField()
    opened_utc_ns = fields.BigIntField()
    reviewed_utc_ns = fields.BigIntField(null=True)

    class Meta:
        table = "review_task"
        indexes = (
            Index(fields=("site", "state", "urgency", "event_id")),
            Index(fields=("site", "bed", "state", "urgency", "event_id")),
            Index(fields=("site", "motor_type", "state", "urgency", "event_id")),
            Index(fields=("site", "start_utc_ns", "state")),
            Index(fields=("site", "state", "start_utc_ns", "event_id")),
        )


class Claim(Model):
    """Who works on an event until when. An expired one stays to be seen until somebody else takes the event."""

    event_id = fields.UUIDField(primary_key=True)
    site = fields.CharField(max_length=32)
    holder = fields.CharField(max_length=64)
    taken_utc_ns = fields.BigIntField()
    expires_utc_ns = fields.BigIntField()

    class Meta:
        table = "claim"


class SavedView(Model):
    """A person's own filter of the worklist under a name."""

    id = fields.BigIntField(primary_key=True)
    account = fields.CharField(max_length=64)
    name = fields.CharField(max_length=60)
    filters = fields.JSONField[dict[str, object]]()
    saved_utc_ns = fields.BigIntField()

    class Meta:
        table = "saved_view"
        unique_together = (("account", "name"),)


class Review(Model):
    """One verdict by one person, or `withdrawn` for one taken back. A later version replaces it; all versions stay."""

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


class ReadingPolicy(Model):
    """How a site reads: `blind` hides what networks and other readers said of an event until one's own verdict. No row: not blind."""

    site = fields.CharField(max_length=32, primary_key=True)
    blind = fields.BooleanField()
    set_by = fields.CharField(max_length=64)
    set_utc_ns = fields.BigIntField()

    class Meta:
        table = "reading_policy"
