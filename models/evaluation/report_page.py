"""The report as one HTML file that needs nothing from elsewhere: tables, plots, and what the site must fill in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

from models.evaluation.plots import GREY, RED, Bar, Mark, bars, curve, histogram, timeline
from models.evaluation.report import Document

FOUND, MISSED, FALSE = "#2f8f5b", RED, "#d99a2b"
LATENCY_EDGES_S = (0.0, 5.0, 10.0, 15.0, 20.0, 30.0, 60.0)
STYLE = """body{font:15px/1.5 system-ui,sans-serif;color:#1c2733;max-width:60rem;margin:2rem auto;padding:0 1rem}
h1{font-size:1.5rem}h2{font-size:1.1rem;margin-top:2rem;border-bottom:1px solid #d5dbe1}
table{border-collapse:collapse;margin:.6rem 0}td,th{padding:.2rem .8rem .2rem 0;text-align:left;vertical-align:top}
th{font-weight:600}.banner{background:#fdf3e0;border:1px solid #d99a2b;padding:.6rem 1rem}
.key span{display:inline-block;width:1em;height:1em;margin:0 .3em 0 1em;vertical-align:-.15em}svg{max-width:100%;height:auto}
@media print{body{margin:0}}"""


def page_of(report: Document) -> str:
    """The whole page."""
    device = report["device"]
    trained = "Trained on simulation. " if device["simulated"] else ""
    sections = [
        ("Device", _pairs({**device, "cut_offs": _words(device["cut_offs"]), "limits": "; ".join(device["limits"])})),
        ("Study", _pairs(report["study"])),
        ("Recording time", _pairs({"hours": report["recording_time"]["hours"], **report["recording_time"]["of_patient_h"]})),
        ("Device deficiency", _deficiency(report)),
        ("Adverse events", f"<p>{escape(report['adverse_events'])}</p>"),
        ("Sensitivity", _sensitivity(report)),
        ("False alarms", _false(report)),
        ("Latency", _latency(report)),
        ("Clips", _pairs({
            "share of all bytes that false events keep": report["false_bytes_share"],
            "share of the ictal seconds of found seizures inside their clips": report["ictal_seconds_inside_share"],
        })),
        ("Scored by SzCORE", _pairs(report["szcore"])),
        ("Recordings", "".join(_recording(one) for one in report["recordings"]) + KEY),
    ]  # fmt: skip
    body = "".join(f"<h2>{escape(title)}</h2>{content}" for title, content in sections)
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Detector evaluation</title>'
        f"<style>{STYLE}</style></head><body><h1>Evaluation of {escape(str(device['release']))}</h1>"
        f'<p class="banner">{escape(trained + report["says"])}</p>'
        "<p>Items after Beniczky and Ryvlin 2018, standards for testing and clinical validation of seizure detection devices. "
        "Intervals are of 95 %: Wilson for shares, Poisson for rates, and a bootstrap over patients where it says so.</p>"
        f"{body}</body></html>\n"
    )


KEY = (
    '<p class="key">'
    f'<span style="background:{FOUND}"></span>found<span style="background:{MISSED}"></span>missed'
    f'<span style="background:{FALSE}"></span>false event<span style="background:{GREY}"></span>deficient</p>'
)


def _sensitivity(report: Document) -> str:
    rows = report["sensitivity"]
    some = [
        Bar(kind, one["value"], one["low"], one["high"], f"{one['hits']} of {one['trials']}")
        for kind, one in rows.items()
        if one["trials"]
    ]
    words = [
        (kind, f"{one['hits']} of {one['trials']}", _share(one), _interval(one["over_patients"]))
        for kind, one in rows.items()
    ]
    patients = [
        (p, f"{one['hits']} of {one['trials']}", _share(one)) for p, one in report["sensitivity_of_patient"].items()
    ]
    missing = {
        "seizures outside every recording": report["seizures_outside_every_recording"],
        "seizures in deficient time": report["seizures_in_deficient_time"],
    }
    return (
        (bars(some) if some else "<p>No seizure was recorded.</p>")
        + _table(("type", "found", "sensitivity", "over patients"), words)
        + _table(("patient", "found", "sensitivity"), patients)
        + _pairs(missing)
    )


def _false(report: Document) -> str:
    false = report["false_alarms"]
    points = [
        (p["false_per_h"], p["sensitivity"]["value"])
        for p in report["curve"]
        if p["false_per_h"] is not None and p["sensitivity"]["value"] is not None
    ]
    value = report["sensitivity"]["all"]["value"]
    own = (false["per_h"], value) if value is not None and false["per_h"] is not None else None
    plot = curve(points, own, "false events an hour", "sensitivity") if points else ""
    rows = [(kind, one["count"], _n(one["per_h"])) for kind, one in false["by_type_that_the_network_says"].items()]
    return (
        _pairs({
            "false events": false["count"], "hours": false["hours"], "an hour": false["per_h"],
            "interval of the rate an hour": _interval((false["low_per_h"], false["high_per_h"])),
            "over patients": _interval(false["over_patients_per_h"]), "in 24 hours": false["per_24h"],
            "patients with any": f"{false['patients_with_any']['hits']} of {false['patients_with_any']['trials']}",
            "true to false": false["true_to_false"], "precision": _share(report["precision"]), "F1": report["f1"],
            "source": false["source"],
        })
        + _table(("kind that the network says", "false events", "an hour"), rows)
        + plot
        + ("<p>The curve is a look at other thresholds on the same recordings; the red point is the release as it is.</p>" if plot else "")
    )  # fmt: skip


def _latency(report: Document) -> str:
    rows = [
        (
            kind, one["n"], _n(one["median_s"]), _n(one["mean_s"]), f"{_n(one['least_s'])} to {_n(one['most_s'])}",
            *(f"{within['hits']} of {within['trials']}" for within in one["within_s"].values()),
        )
        for kind, one in report["latency"].items()
    ]  # fmt: skip
    values = report["latencies_s"]
    plot = histogram(values, LATENCY_EDGES_S, "seconds from the first sign to the decision") if values else ""
    return _table(("type", "found", "median s", "mean s", "range s", "within 10 s", "within 30 s"), rows) + plot


def _deficiency(report: Document) -> str:
    found = report["device_deficiency"]
    rows = [(cause, _n(hours, 3)) for cause, hours in found["hours_by_cause"].items()]
    rows += [(f"{cause}, scattered frames", _n(h, 3)) for cause, h in found["scattered_frame_loss_h_by_cause"].items()]
    bad = [(one["file"], one["why"]) for one in report["files_not_read"]]
    bad += [(name, "no picture in it") for name in report["recordings_without_pictures"]]
    bad += [(f"{count} previews", why) for why, count in report["previews_refused"].items()]
    return (
        _pairs({"hours": found["hours"], "share of the time": found["share"], "files that could not be read": len(bad)})
        + _table(("cause", "hours"), rows)
        + _table(("file", "why it was not read"), bad)
    )


def _recording(one: Document) -> str:
    length_s = max(one["length_s"], 1e-9)

    def mark(start_s: float, end_s: float, tone: str, title: str) -> Mark:
        return Mark(max(0.0, start_s / length_s), min(1.0, end_s / length_s), tone, title)

    marks = [mark(start_s, end_s, GREY, f"deficient: {cause}") for cause, start_s, end_s in one["deficient"]]
    marks += [
        mark(e["start_s"], e["end_s"], FALSE, f"false: {e['type']} at {e['start_s']:.0f} s")
        for e in one["false_events"]
    ]
    for s in one["seizures"]:
        missed = s["latency_s"] is None
        word = "missed" if missed else f"found after {s['latency_s']:.1f} s"
        marks.append(mark(s["start_s"], s["end_s"], MISSED if missed else FOUND, f"{s['type']}: {word}"))
    words = (
        f"{one['name']}, patient {one['patient']}: {one['recorded_h']:.2f} h, {len(one['seizures'])} seizures, "
        f"{len(one['false_events'])} false events"
    )
    return f"<p>{escape(words)}</p>{timeline(marks)}"


def _pairs(found: Mapping[str, Any]) -> str:
    return _table((), [(name.replace("_", " "), _any(value)) for name, value in found.items()])


def _table(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    body = "".join("<tr>" + "".join(f"<td>{escape(str(cell))}</td>" for cell in row) + "</tr>" for row in rows)
    if not body:
        return ""
    head = "<tr>" + "".join(f"<th>{escape(word)}</th>" for word in heads) + "</tr>" if heads else ""
    return f"<table>{head}{body}</table>"


def _any(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value is None:
        return "not measured"
    return _n(value, 4) if isinstance(value, float) else str(value)


def _words(found: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in found.items())


def _share(one: Mapping[str, Any]) -> str:
    return f"{_n(one['value'], 3)} ({_interval((one['low'], one['high']))})"


def _interval(pair: Sequence[float | None]) -> str:
    return f"{_n(pair[0], 3)} to {_n(pair[1], 3)}"


def _n(value: float | None, digits: int = 2) -> str:
    return "not measured" if value is None else f"{value:.{digits}f}".rstrip("0").rstrip(".") if value else "0"
