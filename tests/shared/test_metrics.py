"""The page for Prometheus is read by Prometheus's own parser, whatever a name or a label holds."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from shared.bed_metrics import BedNews, bed_metrics
from shared.clock import NS_PER_S
from shared.frame import Stream
from shared.heartbeat import ClockHealth, Heartbeat, ProcessHealth
from shared.metrics import Metric, metrics_text
from tests.fakes.clock import BOOT

HEARTBEAT = Heartbeat(
    boot_id=BOOT, mono_ns=5 * NS_PER_S, utc_ns=7 * NS_PER_S, version="0.1.0", release="detector-v0", stay_id=None,
    paused=False, camera="open", coverage_1h={Stream.depth: 0.985, Stream.ir: 1.0},
    clock=ClockHealth(device_drift_ppm=-12.5, clock_error_ns=None, utc_error_ns=2_000_000), last_frame_age_s=0.1,
    last_score=0.25, ring_bytes=10**12, ring_hours=30.5, promise_hours=71.0, disk_free_bytes=10**11, outbox_waiting=3,
    clips_waiting=2, pinned_bytes=10**9, dropped_frames=4, alarms=["One."],
    processes=[ProcessHealth(name="recorder", running=True, restarts=1, progress_age_s=0.5, core_share=0.1, rss_bytes=10**8)],
)  # fmt: skip


def page() -> str:
    return metrics_text(bed_metrics([BedNews("north", "bed-1", HEARTBEAT, 4.5)]))


@pytest.mark.parametrize(
    "line",
    [
        'deepepil_bed_heartbeat_age_seconds{site="north",bed="bed-1"} 4.5',
        'deepepil_bed_coverage_ratio{site="north",bed="bed-1",stream="depth"} 0.985',
        'deepepil_bed_clock_error_seconds{site="north",bed="bed-1"} 0.002',
        'deepepil_bed_process_restarts_total{site="north",bed="bed-1",process="recorder"} 1',
        "# TYPE deepepil_bed_dropped_frames_total counter",
    ],
)
def test_a_heartbeat_becomes_figures_with_units_in_their_names(line: str) -> None:
    assert line in page().splitlines()


def test_a_clock_that_is_not_synchronised_is_as_wrong_as_can_be() -> None:
    clock = ClockHealth(device_drift_ppm=None, clock_error_ns=None, utc_error_ns=None)
    told = metrics_text(bed_metrics([BedNews("n", "b", HEARTBEAT.model_copy(update={"clock": clock}), 0)]))
    assert 'deepepil_bed_clock_error_seconds{site="n",bed="b"} 1000000000' in told
    assert "drift" not in told


def test_labels_with_quotes_backslashes_and_lines_stay_one_line() -> None:
    metric = Metric("x_ratio", "of\nlines")
    metric.add(float("inf"), name='a"b\\c\nd')
    assert metrics_text([metric]).splitlines() == [
        "# HELP deepepil_x_ratio of\\nlines", "# TYPE deepepil_x_ratio gauge",
        'deepepil_x_ratio{name="a\\"b\\\\c\\nd"} +Inf',
    ]  # fmt: skip


def test_prometheus_own_tool_reads_the_page_without_a_complaint() -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not installed; `apt-get install prometheus` brings it.")
    found = subprocess.run(
        [promtool, "check", "metrics"], input=page(), capture_output=True, text=True, check=False, timeout=60
    )
    assert (found.returncode, found.stdout + found.stderr) == (0, "")
