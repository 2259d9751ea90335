"""The bed tells its figures to programs of its own machine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from edge_agent.metrics import MetricsListener, page_of
from shared.errors import Misconfigured
from tests.authority import TestAuthority
from tests.shared.test_metrics import HEARTBEAT


@pytest.fixture
def listener() -> Iterator[MetricsListener]:
    made = MetricsListener(0)
    yield made
    made.close()


def test_the_newest_page_is_served(listener: MetricsListener) -> None:
    for page in ("deepepil_x 1\n", "deepepil_x 2\n"):
        listener.show(page)
        answer = httpx.get(f"http://127.0.0.1:{listener.port}/metrics")
        assert (answer.status_code, answer.text) == (200, page)


def test_before_the_first_heartbeat_and_elsewhere_there_is_nothing(listener: MetricsListener) -> None:
    assert httpx.get(f"http://127.0.0.1:{listener.port}/metrics").status_code == 404
    listener.show("deepepil_x 1\n")
    assert httpx.get(f"http://127.0.0.1:{listener.port}/").status_code == 404


def test_a_port_in_use_is_named(listener: MetricsListener) -> None:
    with pytest.raises(Misconfigured, match=f"metrics.port: {listener.port} cannot be used"):
        MetricsListener(listener.port)


def test_the_page_tells_when_the_certificate_ends(tmp_path: Path) -> None:
    certificate = TestAuthority(tmp_path).issue("north.bed-1").certificate_file
    assert 'deepepil_certificate_end_timestamp_seconds{of="north.bed-1"} ' in page_of(
        "north", "bed-1", HEARTBEAT, certificate
    )
    assert "certificate" not in page_of("north", "bed-1", HEARTBEAT, tmp_path / "none")
