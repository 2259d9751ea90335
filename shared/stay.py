"""A stay: one patient code in one bed from admission to discharge. Names never enter DeepEpil; only generated codes do."""

from __future__ import annotations

import secrets

from pydantic import Field

from shared.contract import Contract, Nanoseconds
from shared.ids import BedName, PatientCode, SiteName, Uuid7

_CODE_LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"


class Stay(Contract):
    """Who stays where, as the cloud knows it; `discharged_utc_ns` is None while the stay lasts."""

    stay_id: Uuid7
    site: SiteName
    bed: BedName
    patient_code: PatientCode
    admitted_utc_ns: Nanoseconds
    discharged_utc_ns: Nanoseconds | None = Field(default=None)


def new_patient_code() -> str:
    """A random code such as `PT-7KQ2M`, without letters that are easily mistaken for digits."""
    return "PT-" + "".join(secrets.choice(_CODE_LETTERS) for _ in range(5))
