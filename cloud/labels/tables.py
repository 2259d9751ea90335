"""Labels, the agreed truth on an event, and annotations, what each reader marked in it; every version of both."""

from __future__ import annotations

from tortoise import fields
from tortoise.models import Model


class Label(Model):
    """One version of the truth on one event (shared.label.Label); the highest version holds. No readers: all took theirs back.

    `suggestion_shown`: one of the readers it rests on had a suggestion on the screen with their verdict.
    """

    id = fields.BigIntField(primary_key=True)
    event_id = fields.UUIDField()
    site = fields.CharField(max_length=32)
    verdict = fields.CharField(max_length=16)
    version = fields.IntField()
    readers = fields.IntField()
    suggestion_shown = fields.BooleanField(db_default=False)
    agreed_utc_ns = fields.BigIntField()

    class Meta:
        table = "label"
        unique_together = (("event_id", "version"),)


class AnnotationVersion(Model):
    """One version of what one reader marked in an event (shared.annotation.Annotation as JSON); the highest version holds."""

    id = fields.BigIntField(primary_key=True)
    event_id = fields.UUIDField()
    site = fields.CharField(max_length=32)
    annotator = fields.CharField(max_length=64)
    version = fields.IntField()
    body = fields.JSONField[dict[str, object]]()
    suggestion_shown = fields.BooleanField()
    saved_utc_ns = fields.BigIntField()

    class Meta:
        table = "annotation"
        unique_together = (("event_id", "annotator", "version"),)
