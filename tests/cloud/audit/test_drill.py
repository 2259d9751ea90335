"""The drill of the audit log, as `make drill-audit` runs it, on the tests' database."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.drills.audit import TAMPERINGS, drill


@pytest.mark.usefixtures("database")
async def test_every_tampering_is_named(tmp_path: Path) -> None:
    figures, complaints = await drill(tmp_path)
    assert complaints == []
    assert figures["tamperings_named"].value == len(TAMPERINGS)
