"""Frozen datasets, one row for each site whose clips are in them, and which clips; the manifests themselves lie in the object store."""

from __future__ import annotations

from tortoise import fields
from tortoise.indexes import Index
from tortoise.models import Model


class Dataset(Model):
    """One site's part of a dataset. Who does not see all `sites` parts of it sees none of it."""

    id = fields.BigIntField(primary_key=True)
    site = fields.CharField(max_length=32)
    name = fields.CharField(max_length=48)
    version = fields.IntField()
    manifest_sha256 = fields.CharField(max_length=64)
    manifest_bytes = fields.BigIntField()
    sites = fields.IntField()
    clips = fields.IntField()
    patients = fields.IntField()
    clips_here = fields.IntField()
    counts = fields.JSONField[dict[str, dict[str, int]]]()
    left_out = fields.JSONField[dict[str, int]]()
    query = fields.JSONField[dict[str, object]]()
    frozen_by = fields.CharField(max_length=64)
    frozen_utc_ns = fields.BigIntField()

    class Meta:
        table = "dataset"
        unique_together = (("manifest_sha256", "site"),)
        indexes = (Index(fields=("site", "name", "version")),)


class DatasetClip(Model):
    """A clip that a dataset holds, with the version of its label then: the way from a clip to what was learnt from it."""

    id = fields.BigIntField(primary_key=True)
    site = fields.CharField(max_length=32)
    manifest_sha256 = fields.CharField(max_length=64)
    event_id = fields.UUIDField()
    label_version = fields.IntField()

    class Meta:
        table = "dataset_clip"
        unique_together = (("manifest_sha256", "event_id"),)
        indexes = (Index(fields=("site", "event_id")),)


class DatasetKey(Model):
    """The installation's one key, hexadecimal, by which patients get their pseudonym and their split; made at the first freezing."""

    id = fields.IntField(primary_key=True)
    key = fields.CharField(max_length=64)

    class Meta:
        table = "dataset_key"
