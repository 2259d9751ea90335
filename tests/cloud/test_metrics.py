"""The cloud's page for Prometheus tells every bed, the readers' work and the jobs, and says when its database is away."""

from __future__ import annotations

import re
import shutil
import subprocess
import time
from pathlib import Path

import pytest
from tortoise import Tortoise

from cloud.database import CLASSIFY_QUEUE, DatabaseAddress, defer_in_transaction, in_transaction
from cloud.devices.service import note_heartbeat, note_state
from cloud.ingest.rules import Incoming
from cloud.ingest.service import Taker
from cloud.metrics import CloudFigures, create_metrics_app, metrics_page
from shared.bed_metrics import bed_metrics
from shared.clock import NS_PER_S
from shared.envelope import seal
from shared.heartbeat import BedState
from shared.ids import uuid7
from shared.topics import Address, Topic
from tests.authority import TestAuthority
from tests.cloud.facts import UTC_NS, report
from tests.shared.test_metrics import HEARTBEAT

MONITORING = Path(__file__).parents[2] / "ansible" / "monitoring"
HOUR_NS = 3600 * NS_PER_S


async def page(certificates: dict[str, Path] | None = None, later_ns: int = 0) -> list[str]:
    return (await metrics_page(certificates or {}, time.time_ns() + later_ns)).splitlines()


@pytest.mark.usefixtures("database")
async def test_beds_reviews_and_jobs_are_told() -> None:
    event = Address("north", "bed-1", Topic.event)
    await Taker(600).take(Incoming(event.text, seal(event, report(event_id=uuid7(UTC_NS)), UTC_NS, sequence=1)))
    async with in_transaction() as connection:
        await note_state(connection, "north", "bed-1", BedState(online=False, session=1, version="0.1.0"))
        await note_heartbeat(connection, "north", "bed-1", HEARTBEAT)
        await defer_in_transaction(connection, "classify_event", {"event_id": "x"}, queue=CLASSIFY_QUEUE)
    await Tortoise.get_connection("default").execute_query(
        "INSERT INTO procrastinate_jobs (queue_name, task_name, status) VALUES ('upkeep', 'watch_clip', 'failed')"
    )
    lines = await page(later_ns=HOUR_NS)
    for line in (
        "deepepil_database_reachable_ratio 1",
        'deepepil_bed_online_ratio{site="north",bed="bed-1"} 0',
        'deepepil_bed_coverage_ratio{site="north",bed="bed-1",stream="depth"} 0.985',
        'deepepil_review_waiting{site="north"} 1',
        'deepepil_jobs_due{queue="classify"} 1',
        'deepepil_jobs_failed{task="watch_clip"} 1',
        'deepepil_jobs_failed{task="classify_event"} 0',
    ):
        assert line in lines
    (age,) = [line for line in lines if line.startswith("deepepil_bed_heartbeat_age_seconds{")]
    assert 3600 <= float(age.split()[1]) < 3700


@pytest.mark.usefixtures("database")
async def test_prometheus_own_tool_reads_the_page() -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not installed; `apt-get install prometheus` brings it.")
    text = "\n".join([*(await page()), ""])
    found = subprocess.run(
        [promtool, "check", "metrics"], input=text, capture_output=True, text=True, check=False, timeout=60
    )
    assert (found.returncode, found.stdout + found.stderr) == (0, "")


async def test_a_database_that_is_away_is_a_figure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def away(*_: object) -> None:
        raise ConnectionRefusedError

    monkeypatch.setattr("cloud.metrics.connections", away)
    certificate = TestAuthority(tmp_path).issue("server", server=True).certificate_file
    lines = await page({"server": certificate, "gone": tmp_path / "none"})
    assert "deepepil_database_reachable_ratio 0" in lines
    assert [line.split()[0] for line in lines if line.startswith("deepepil_certificate")] == [
        'deepepil_certificate_end_timestamp_seconds{of="server"}'
    ]


@pytest.mark.usefixtures("database")
async def test_the_page_is_served_at_its_one_address(database: DatabaseAddress) -> None:
    import httpx

    assert database.name
    transport = httpx.ASGITransport(create_metrics_app({}))
    async with httpx.AsyncClient(transport=transport, base_url="http://cloud") as client:
        answer = await client.get("/metrics")
        assert (answer.status_code, answer.headers["content-type"].split(";")[0]) == (200, "text/plain")
        assert (await client.get("/")).status_code == 404


@pytest.mark.parametrize("file", ["deepepil.rules.yml", "deepepil.rules.test.yml", "dashboard.json"])
def test_alerts_and_dashboard_name_figures_that_exist(file: str) -> None:
    known = {f"deepepil_{metric.name}" for metric in [*bed_metrics([]), *CloudFigures().metrics]}
    named = set(re.findall(r"\bdeepepil_[a-z_]+", (MONITORING / file).read_text()))
    assert named
    assert named <= known
