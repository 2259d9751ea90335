"""What the cloud tells a bed: the desired state (retained), which the bed brings about whenever it hears it."""

from __future__ import annotations

from pydantic import Field

from shared.contract import Contract, Count, Nanoseconds
from shared.ids import ReleaseName, Uuid7
from shared.release_order import ReleaseOrder


class DesiredState(Contract):
    """The whole wish for one bed. `version` grows by one with every change; an older version is ignored."""

    version: Count
    stay_id: Uuid7 | None = Field(description="the stay that new segments belong to; None: nobody stays in the bed")
    paused: bool = Field(description="recording is paused for privacy")
    record_unassigned: bool = Field(description="the site records a bed in which nobody stays")
    release: ReleaseName | None = Field(default=None, description="the detector to run; None: the one installed")
    order: ReleaseOrder | None = Field(
        default=None, exclude_if=lambda order: order is None,
        description="the signed order that `release` follows; left out while the cloud never gave one",
    )  # fmt: skip
    issued_utc_ns: Nanoseconds
