"""The command behind `deepepil-models evaluate --recordings DIR --annotations FILE`: prints, and writes the report."""

from __future__ import annotations

import json
import time
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import click

from models.evaluation.hospital import evaluate_recordings
from models.evaluation.report import Document, report_of
from models.evaluation.report_page import page_of
from models.evaluation.summary import ALL
from shared.errors import Misconfigured

REPORT = "evaluation-report"


def evaluate_hospital(recordings: Path, annotations: Path, name: str, folder: Path, zone: str, out: Path) -> None:
    """Watches the recordings, prints the figures and writes `evaluation-report.html` and `.json` into `out`."""
    try:
        place = ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise Misconfigured(f"There is no time zone {zone}; one is called Europe/Lisbon.") from error
    start_s = time.monotonic()

    def tell(line: str) -> None:
        click.echo(f"{time.monotonic() - start_s:7.1f} s  {line}")

    report = report_of(evaluate_recordings(recordings, annotations, folder, name, place, tell))
    click.echo("\n".join(lines_of(report)))
    out.mkdir(parents=True, exist_ok=True)
    for suffix, text in (("json", json.dumps(report, indent=1, allow_nan=False) + "\n"), ("html", page_of(report))):
        part = out / f"{REPORT}.{suffix}.part"
        part.write_text(text, encoding="utf-8")
        part.replace(out / f"{REPORT}.{suffix}")
    click.echo(f"written to {out / REPORT}.html and .json")


def lines_of(report: Document) -> list[str]:
    """The report's figures for a terminal, the bad files by name."""
    time_h, deficient, false = report["recording_time"], report["device_deficiency"], report["false_alarms"]
    lines = ["", report["says"], f"recorded {time_h['hours']:.2f} h of {report['study']['patients']} patients"]
    lines.append(f"deficient {deficient['hours']:.3f} h: {deficient['hours_by_cause'] or 'no cause'}")
    for kind, one in report["sensitivity"].items():
        if one["trials"]:
            interval = f"{one['low']:.3f} to {one['high']:.3f}"
            lines.append(f"sensitivity {kind:<16} {one['hits']}/{one['trials']}  {one['value']:.3f} ({interval})")
    if not report["sensitivity"][ALL]["trials"]:
        lines.append("sensitivity: not measured, no annotated seizure was recorded")
    per_h = (
        "not measured" if false["per_h"] is None else f"{false['per_h']:.3f} an hour, {false['per_24h']:.1f} in 24 h"
    )
    lines.append(f"false events {false['count']}: {per_h}")
    lines.append(
        f"seizures outside every recording: {report['seizures_outside_every_recording']}, "
        f"in deficient time: {report['seizures_in_deficient_time']}"
    )
    lines += [f"not read: {one['file']}: {one['why']}" for one in report["files_not_read"]]
    lines += [f"no picture in: {name}" for name in report["recordings_without_pictures"]]
    return [*lines, f"files not read: {len(report['files_not_read'])}"]
