"""Stays: one patient code in one bed from admission to discharge, and the corrections of codes that were wrong."""

from __future__ import annotations

from tortoise import fields
from tortoise.indexes import Index
from tortoise.models import Model


class Stay(Model):
    """One stay. A transfer ends one and begins the next, which names it.

    `holds_bed` and `holds_patient` are set while the stay lasts and unique: the database itself keeps a bed from two
    patients and a patient from two beds.
    """

    stay_id = fields.UUIDField(primary_key=True)
    site = fields.CharField(max_length=32)
    bed = fields.CharField(max_length=32)
    patient_code = fields.CharField(max_length=13)
    admitted_utc_ns = fields.BigIntField()
    discharged_utc_ns = fields.BigIntField(null=True)
    transferred_from = fields.UUIDField(null=True)
    holds_bed = fields.CharField(max_length=65, null=True, unique=True)
    holds_patient = fields.CharField(max_length=46, null=True, unique=True)

    class Meta:
        table = "stay"
        indexes = (
            Index(fields=("site", "bed", "admitted_utc_ns")),
            Index(fields=("site", "patient_code", "admitted_utc_ns")),
        )


class StayCorrection(Model):
    """A stay whose code was wrong: both codes, who corrected it, when and why. Rows are only ever added."""

    id = fields.BigIntField(primary_key=True)
    site = fields.CharField(max_length=32)
    stay_id = fields.UUIDField()
    from_code = fields.CharField(max_length=13)
    to_code = fields.CharField(max_length=13)
    reason = fields.CharField(max_length=200)
    corrected_by = fields.CharField(max_length=64)
    corrected_utc_ns = fields.BigIntField()

    class Meta:
        table = "stay_correction"
        indexes = (Index(fields=("site", "stay_id")),)
