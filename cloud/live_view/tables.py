"""The views of beds: kept from the offer until a day after the end. The audit log keeps who watched whom."""

from __future__ import annotations

from tortoise import fields
from tortoise.indexes import Index
from tortoise.models import Model


class LiveView(Model):
    """One person's view of one stream of one bed. `state` is cloud.live_view.rules.ViewState.

    `sent_at_ns`: when the bed was last told of the offer; 0: never. `seen_at_ns`: when the page was last heard of. `hangup_due`: the
    bed has to be told of the end.
    """

    view_id = fields.UUIDField(primary_key=True)
    site = fields.CharField(max_length=32)
    bed = fields.CharField(max_length=32)
    stream = fields.CharField(max_length=16)
    viewer = fields.CharField(max_length=64)
    state = fields.CharField(max_length=16)
    offer = fields.TextField()
    answer = fields.TextField(default="", db_default="")
    cause = fields.CharField(max_length=16, default="", db_default="")
    sentence = fields.CharField(max_length=500, default="", db_default="")
    asked_at_ns = fields.BigIntField()
    sent_at_ns = fields.BigIntField(default=0, db_default=0)
    seen_at_ns = fields.BigIntField()
    joined_at_ns = fields.BigIntField(null=True)
    ended_at_ns = fields.BigIntField(null=True)
    hangup_due = fields.BooleanField(default=False, db_default=False)

    class Meta:
        table = "live_view"
        indexes = (Index(fields=("state", "site", "bed")), Index(fields=("ended_at_ns",)))
