"""Classifications, one an event and release, and the count of tries that ended in a crash."""

from __future__ import annotations

from tortoise import fields
from tortoise.models import Model


class Classification(Model):
    """What one release suggests for one event (shared.classification.Classification)."""

    id = fields.BigIntField(primary_key=True)
    event_id = fields.UUIDField()
    site = fields.CharField(max_length=32)
    release = fields.CharField(max_length=64)
    best = fields.CharField(max_length=32)
    probabilities = fields.JSONField[dict[str, float]]()
    windows = fields.JSONField[list[dict[str, object]]]()
    simulated = fields.BooleanField()
    seconds_spent = fields.FloatField()
    frames = fields.IntField()
    classified_utc_ns = fields.BigIntField()

    class Meta:
        table = "classification"
        unique_together = (("event_id", "release"),)


class ClassifyTry(Model):
    """How often the work on one clip was begun without an end; after three the clip is parked for people to look at."""

    id = fields.BigIntField(primary_key=True)
    event_id = fields.UUIDField()
    site = fields.CharField(max_length=32)
    release = fields.CharField(max_length=64)
    tries = fields.IntField()
    parked = fields.BooleanField(db_default=False)
    last_fault = fields.CharField(max_length=500)

    class Meta:
        table = "classify_try"
        unique_together = (("event_id", "release"),)
