"""Seizures as the EEG showed them, imported for a stay, and the files that they came from."""

from __future__ import annotations

from tortoise import fields
from tortoise.indexes import Index
from tortoise.models import Model


class ReferenceList(Model):
    """One imported file. The same file again in the same stay takes the place of its earlier import."""

    list_id = fields.UUIDField(primary_key=True)
    site = fields.CharField(max_length=32)
    stay_id = fields.UUIDField()
    name = fields.CharField(max_length=120)
    file_sha256 = fields.CharField(max_length=64)
    settings = fields.CharField(max_length=200)
    clock_offset_ns = fields.BigIntField()
    seizures = fields.IntField()
    passed_over = fields.IntField()
    imported_by = fields.CharField(max_length=64)
    imported_at_ns = fields.BigIntField()

    class Meta:
        table = "reference_list"
        unique_together = (("stay_id", "file_sha256"),)
        indexes = (Index(fields=("site", "stay_id")),)


class ReferenceSeizure(Model):
    """One seizure of a list, in the unit's own time; `line` is where it stands in the file."""

    reference_id = fields.UUIDField(primary_key=True)
    list_id = fields.UUIDField()
    site = fields.CharField(max_length=32)
    stay_id = fields.UUIDField()
    start_utc_ns = fields.BigIntField()
    end_utc_ns = fields.BigIntField()
    kind = fields.CharField(max_length=64)
    line = fields.IntField()

    class Meta:
        table = "reference_seizure"
        indexes = (Index(fields=("site", "stay_id", "start_utc_ns")),)
