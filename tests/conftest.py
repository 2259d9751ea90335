"""What several packages of tests share: an S3 that runs for the whole session, started by the first test that asks for it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.object_stores import Swift, swift_in


@pytest.fixture(scope="session")
def swift(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Swift]:
    """Debian's Swift; skips where it is not installed."""
    folder: Path = tmp_path_factory.mktemp("swift")
    with swift_in(folder) as running:
        yield running
