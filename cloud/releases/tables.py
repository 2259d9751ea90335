"""Uploaded releases with their signed cards, and each bed's orders: which release it shall run, since when, by whom."""

from __future__ import annotations

from tortoise import fields
from tortoise.models import Model


class Release(Model):
    """One uploaded release: its signed card (shared.release.ReleaseCard as JSON); the file lies in the object store by its hash.

    `candidate`: fit to be given to beds; nothing that was uploaded is run before somebody made it one.
    """

    name = fields.CharField(max_length=64, primary_key=True)
    kind = fields.CharField(max_length=16)
    card = fields.JSONField[dict[str, object]]()
    file_sha256 = fields.CharField(max_length=64)
    size_bytes = fields.BigIntField()
    candidate = fields.BooleanField(db_default=False)
    uploaded_by = fields.CharField(max_length=64)
    uploaded_utc_ns = fields.BigIntField()

    class Meta:
        table = "release"


class ReleaseGiven(Model):
    """A signed order to one bed (shared.release_order.ReleaseOrder as JSON); the highest number holds. Rows are only ever added."""

    id = fields.BigIntField(primary_key=True)
    site = fields.CharField(max_length=32)
    bed = fields.CharField(max_length=32)
    number = fields.IntField()
    release = fields.CharField(max_length=64)
    deed = fields.CharField(max_length=16)
    body = fields.JSONField[dict[str, object]]()
    given_by = fields.CharField(max_length=64)
    given_utc_ns = fields.BigIntField()

    class Meta:
        table = "release_given"
        unique_together = (("site", "bed", "number"),)
