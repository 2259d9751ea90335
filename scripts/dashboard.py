"""Writes the Grafana dashboard of a fleet, ansible/monitoring/dashboard.json; `make docs` runs it, a test finds drift."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PATH = Path(__file__).parents[1] / "ansible/monitoring/dashboard.json"
BED = '{site=~"$site", bed=~"$bed"}'
SOURCE = {"type": "prometheus", "uid": "${source}"}


@dataclass(frozen=True, slots=True)
class Panel:
    """One figure over time: `unit` is Grafana's word for it."""

    title: str
    expression: str
    legend: str
    unit: str
    explains: str


ROWS: tuple[tuple[str, tuple[Panel, ...]], ...] = (
    (
        "Beds",
        (
            Panel(
                "Silence",
                f"deepepil_bed_heartbeat_age_seconds{BED}",
                "{{site}}/{{bed}}",
                "s",
                "Since the newest heartbeat.",
            ),
            Panel(
                "Coverage of the last hour",
                f"min by (site, bed) (deepepil_bed_coverage_ratio{BED})",
                "{{site}}/{{bed}}",
                "percentunit",
                "Recorded of wanted, the worst stream.",
            ),
            Panel(
                "What the disk will hold",
                f"deepepil_bed_promise_seconds{BED}",
                "{{site}}/{{bed}}",
                "s",
                "At the present rate.",
            ),
            Panel(
                "Held by events",
                f"deepepil_bed_pinned_bytes{BED} / deepepil_bed_ring_bytes{BED}",
                "{{site}}/{{bed}}",
                "percentunit",
                "Share of the ring that cannot go.",
            ),
            Panel(
                "Messages that wait",
                f"deepepil_bed_outbox_waiting{BED}",
                "{{site}}/{{bed}}",
                "short",
                "Without a receipt.",
            ),
            Panel(
                "Clips that wait", f"deepepil_bed_clips_waiting{BED}", "{{site}}/{{bed}}", "short", "Not stored yet."
            ),
            Panel(
                "Clock error",
                f"deepepil_bed_clock_error_seconds{BED} < 1e9",
                "{{site}}/{{bed}}",
                "s",
                "The kernel's bound; a line that is missing is a clock that nobody keeps.",
            ),
            Panel(
                "Cores",
                f"sum by (site, bed) (deepepil_bed_process_core_ratio{BED})",
                "{{site}}/{{bed}}",
                "short",
                "All processes of a bed.",
            ),
            Panel(
                "Restarts in an hour",
                f"increase(deepepil_bed_process_restarts_total{BED}[1h])",
                "{{site}}/{{bed}} {{process}}",
                "short",
                "Of each process.",
            ),
            Panel(
                "Alarms that stand",
                f"deepepil_bed_alarms{BED}",
                "{{site}}/{{bed}}",
                "short",
                "The bed's own; its page tells them.",
            ),
        ),
    ),
    (
        "Cloud",
        (
            Panel(
                "Events that wait for a reader",
                'deepepil_review_waiting{site=~"$site"}',
                "{{site}}",
                "short",
                "By site.",
            ),
            Panel(
                "The longest wait",
                'deepepil_review_oldest_age_seconds{site=~"$site"}',
                "{{site}}",
                "s",
                "Of an event for a reader.",
            ),
            Panel("Jobs that are due", "deepepil_jobs_due", "{{queue}}", "short", "By queue."),
            Panel("Parked jobs", "deepepil_jobs_failed", "{{task}}", "short", "Until a person deals with them."),
            Panel(
                "Certificates", "deepepil_certificate_end_timestamp_seconds - time()", "{{of}}", "s", "Until they end."
            ),
            Panel("Database", "deepepil_database_reachable_ratio", "answers", "short", "1 while it does."),
        ),
    ),
)


def dashboard() -> dict[str, Any]:
    """The whole document; two panels a line."""
    panels: list[dict[str, Any]] = []
    line = 0
    for title, row in ROWS:
        panels.append(_heading(len(panels) + 1, title, line))
        line += 1
        for number, panel in enumerate(row):
            panels.append(_panel(len(panels) + 1, panel, 12 * (number % 2), line + 8 * (number // 2)))
        line += 8 * ((len(row) + 1) // 2)
    return {
        "uid": "deepepil-fleet",
        "title": "DeepEpil: beds and cloud",
        "description": "Figures of machines, for ops. For research use only: no diagnosis, no alarm.",
        "tags": ["deepepil"],
        "schemaVersion": 39,
        "timezone": "utc",
        "refresh": "30s",
        "time": {"from": "now-24h", "to": "now"},
        "templating": {"list": [_source(), _choice("site", "deepepil_bed_info"), _choice("bed", 'deepepil_bed_info{site=~"$site"}')]},
        "panels": panels,
    }  # fmt: skip


def _heading(number: int, title: str, line: int) -> dict[str, Any]:
    return {"id": number, "type": "row", "title": title, "gridPos": {"h": 1, "w": 24, "x": 0, "y": line}, "panels": []}


def _panel(number: int, panel: Panel, x: int, y: int) -> dict[str, Any]:
    return {
        "id": number,
        "type": "timeseries",
        "title": panel.title,
        "description": panel.explains,
        "datasource": SOURCE,
        "gridPos": {"h": 8, "w": 12, "x": x, "y": y},
        "fieldConfig": {"defaults": {"unit": panel.unit, "min": 0}, "overrides": []},
        "targets": [{"refId": "A", "expr": panel.expression, "legendFormat": panel.legend, "datasource": SOURCE}],
    }


def _source() -> dict[str, Any]:
    return {"name": "source", "label": "Prometheus", "type": "datasource", "query": "prometheus"}


def _choice(label: str, metric: str) -> dict[str, Any]:
    return {
        "name": label,
        "type": "query",
        "datasource": SOURCE,
        "query": f"label_values({metric}, {label})",
        "includeAll": True,
        "multi": True,
        "allValue": ".*",
        "current": {"text": "All", "value": "$__all"},
        "refresh": 2,
    }


def main() -> None:
    """Writes it."""
    PATH.write_text(json.dumps(dashboard(), indent=2) + "\n")


if __name__ == "__main__":
    main()
