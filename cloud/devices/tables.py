"""The beds: which exist, how they are connected, how they are, and what the cloud wants of them."""

from __future__ import annotations

from tortoise import fields
from tortoise.models import Model


class Bed(Model):
    """One bed of a site. It is known from its first valid message or from the day its certificate is made."""

    id = fields.BigIntField(primary_key=True)
    site = fields.CharField(max_length=32)
    name = fields.CharField(max_length=32)
    known_since_ns = fields.BigIntField()

    class Meta:
        table = "bed"
        unique_together = (("site", "name"),)


class BedConnection(Model):
    """The newest birth or will of a bed. `session` grows with every connection of its agent."""

    id = fields.BigIntField(primary_key=True)
    site = fields.CharField(max_length=32)
    bed = fields.CharField(max_length=32)
    online = fields.BooleanField()
    session = fields.BigIntField()
    version = fields.CharField(max_length=64)
    changed_at_ns = fields.BigIntField()

    class Meta:
        table = "bed_connection"
        unique_together = (("site", "bed"),)


class BedHeartbeat(Model):
    """The newest heartbeat of a bed, whole (shared.heartbeat.Heartbeat as JSON)."""

    id = fields.BigIntField(primary_key=True)
    site = fields.CharField(max_length=32)
    bed = fields.CharField(max_length=32)
    body = fields.JSONField[dict[str, object]]()
    received_at_ns = fields.BigIntField()

    class Meta:
        table = "bed_heartbeat"
        unique_together = (("site", "bed"),)


class DesiredRow(Model):
    """What the cloud wants of a bed (shared.command.DesiredState as JSON), and the last version that the broker took."""

    id = fields.BigIntField(primary_key=True)
    site = fields.CharField(max_length=32)
    bed = fields.CharField(max_length=32)
    version = fields.BigIntField()
    body = fields.JSONField[dict[str, object]]()
    published_version = fields.BigIntField(default=0)

    class Meta:
        table = "desired"
        unique_together = (("site", "bed"),)


class BedEnrolment(Model):
    """A one-time code that was given out for a bed: its hash alone, when it ends, and when it was used."""

    id = fields.BigIntField(primary_key=True)
    site = fields.CharField(max_length=32)
    bed = fields.CharField(max_length=32)
    code_sha256 = fields.CharField(max_length=64, unique=True)
    made_at_ns = fields.BigIntField()
    ends_at_ns = fields.BigIntField()
    used_at_ns = fields.BigIntField(null=True)

    class Meta:
        table = "bed_enrolment"


class BedCertificate(Model):
    """A certificate that the beds' authority gave out, or one that was revoked by its serial number alone."""

    id = fields.BigIntField(primary_key=True)
    site = fields.CharField(max_length=32)
    bed = fields.CharField(max_length=32)
    serial = fields.CharField(max_length=40, unique=True)
    issued_at_ns = fields.BigIntField()
    ends_at_ns = fields.BigIntField()
    revoked_at_ns = fields.BigIntField(null=True)

    class Meta:
        table = "bed_certificate"
        indexes = (("site", "bed", "issued_at_ns"),)
