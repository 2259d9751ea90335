"""What people asked of the beds' rings: kept from the wish to the bed's answer and beyond."""

from __future__ import annotations

from tortoise import fields
from tortoise.indexes import Index
from tortoise.models import Model


class Pull(Model):
    """One wish (shared.pull.PullRequest), who had it, how it stands, and the bed's parts (shared.pull.PullPart as JSON).

    `state` is cloud.pulls.rules.PullState. `sent_at_ns` is when the bed was last asked; 0: never. `reference_id` names the
    reference seizure for which it was asked.
    """

    pull_id = fields.UUIDField(primary_key=True)
    site = fields.CharField(max_length=32)
    bed = fields.CharField(max_length=32)
    cause = fields.CharField(max_length=16)
    start_utc_ns = fields.BigIntField()
    end_utc_ns = fields.BigIntField()
    asked_by = fields.CharField(max_length=64)
    asked_at_ns = fields.BigIntField()
    expires_at_ns = fields.BigIntField()
    reference_id = fields.UUIDField(null=True)
    state = fields.CharField(max_length=16)
    reason = fields.CharField(max_length=500, default="", db_default="")
    parts = fields.JSONField[list[dict[str, object]]](null=True)
    answered_at_ns = fields.BigIntField(null=True)
    sent_at_ns = fields.BigIntField(default=0, db_default=0)

    class Meta:
        table = "pull"
        indexes = (Index(fields=("site", "asked_at_ns")), Index(fields=("state", "site", "bed")))
