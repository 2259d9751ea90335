"""Events as the beds told them, the clips that belong to them, and the objects whose bytes the store holds."""

from __future__ import annotations

from tortoise import fields
from tortoise.indexes import Index
from tortoise.models import Model


class Event(Model):
    """The report of the highest revision of one event (shared.event.EventReport), and what the cloud knows beside it.

    `sequence` is the bed's number of the message that brought this revision.
    """

    event_id = fields.UUIDField(primary_key=True)
    site = fields.CharField(max_length=32)
    bed = fields.CharField(max_length=32)
    sequence = fields.BigIntField()
    revision = fields.BigIntField()
    phase = fields.CharField(max_length=16)
    cause = fields.CharField(max_length=16)
    stay_id = fields.UUIDField(null=True)
    boot_id = fields.CharField(max_length=36)
    start_mono_ns = fields.BigIntField()
    end_mono_ns = fields.BigIntField()
    clip_start_mono_ns = fields.BigIntField()
    clip_end_mono_ns = fields.BigIntField()
    start_utc_ns = fields.BigIntField()
    end_utc_ns = fields.BigIntField()
    peak_score = fields.FloatField()
    motor_type = fields.CharField(max_length=64)
    release = fields.CharField(max_length=64)
    received_at_ns = fields.BigIntField()
    updated_at_ns = fields.BigIntField()
    clip_overdue = fields.BooleanField(default=False)

    class Meta:
        table = "event"
        indexes = (
            Index(fields=("site", "start_utc_ns")),
            Index(fields=("site", "bed", "start_utc_ns")),
            Index(fields=("stay_id", "start_utc_ns")),
        )


class Clip(Model):
    """The clip of one event: its manifest (shared.clip.ClipManifest as JSON) and how much of it is stored.

    `raw_decision` is what was last told to the bed (shared.clip.RawDecision). `proxies_stored_at_ns` is set once it can be
    watched, `stored_at_ns` once all wanted bytes are here. With `segments_lost` the bed could not keep some: it is partial.
    """

    event_id = fields.UUIDField(primary_key=True)
    site = fields.CharField(max_length=32)
    bed = fields.CharField(max_length=32)
    manifest = fields.JSONField[dict[str, object]]()
    raw_decision = fields.CharField(max_length=16)
    proxies_wanted = fields.IntField()
    proxies_stored = fields.IntField(default=0)
    segments_wanted = fields.IntField()
    segments_stored = fields.IntField(default=0)
    bytes_wanted = fields.BigIntField()
    bytes_stored = fields.BigIntField(default=0)
    segments_lost = fields.IntField(default=0, db_default=0)
    told_at_ns = fields.BigIntField()
    proxies_stored_at_ns = fields.BigIntField(null=True)
    stored_at_ns = fields.BigIntField(null=True)

    class Meta:
        table = "clip"
        indexes = (Index(fields=("site", "bed")),)


class ClipObject(Model):
    """One object that a clip names: a proxy (with its stream) or a segment, in the order in which it is wanted."""

    id = fields.BigIntField(primary_key=True)
    event_id = fields.UUIDField()
    site = fields.CharField(max_length=32)
    bed = fields.CharField(max_length=32)
    sha256 = fields.CharField(max_length=64)
    size_bytes = fields.BigIntField()
    kind = fields.CharField(max_length=16)
    stream = fields.CharField(max_length=16, null=True)
    position = fields.IntField()

    class Meta:
        table = "clip_object"
        unique_together = (("event_id", "sha256"),)
        indexes = (Index(fields=("site", "sha256")),)


class StoredObject(Model):
    """An object of a site whose bytes were read back from the store and had this hash."""

    id = fields.BigIntField(primary_key=True)
    site = fields.CharField(max_length=32)
    sha256 = fields.CharField(max_length=64)
    size_bytes = fields.BigIntField()
    stored_at_ns = fields.BigIntField()

    class Meta:
        table = "stored_object"
        unique_together = (("site", "sha256"),)


class ReceivedChunk(Model):
    """A chunk of an object under way to a folder, checked against its own hash and flushed to the disk."""

    id = fields.BigIntField(primary_key=True)
    site = fields.CharField(max_length=32)
    bed = fields.CharField(max_length=32)
    sha256 = fields.CharField(max_length=64)
    number = fields.IntField()
    chunk_sha256 = fields.CharField(max_length=64)
    size_bytes = fields.BigIntField()
    received_at_ns = fields.BigIntField()

    class Meta:
        table = "received_chunk"
        unique_together = (("site", "bed", "sha256", "number"),)


class ObjectUpload(Model):
    """A multipart upload of one object that a bed sends to S3 itself; which parts came is what the store says."""

    id = fields.BigIntField(primary_key=True)
    site = fields.CharField(max_length=32)
    bed = fields.CharField(max_length=32)
    sha256 = fields.CharField(max_length=64)
    size_bytes = fields.BigIntField()
    upload_id = fields.TextField()
    asked_at_ns = fields.BigIntField()

    class Meta:
        table = "object_upload"
        unique_together = (("site", "bed", "sha256"),)
