"""The report that Beniczky and Ryvlin 2018 (Epilepsia, doi 10.1111/epi.14049) ask of a detection device, as one JSON document.

In: `Findings`. Out: nested dictionaries with every item of their list; what software cannot know is said to be for the site to fill in.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from models.evaluation.curve import THRESHOLDS
from models.evaluation.hospital import Findings
from models.evaluation.judge import Judged
from models.evaluation.recording import covered, united
from models.evaluation.stating import number, rate, share
from models.evaluation.summary import ALL, Latency, Summary, summarise
from models.metrics.intervals import Rate, Share, median

Document = dict[str, Any]
RESEARCH_ONLY = "Research use only: no diagnosis, no alarm."
FOR_THE_SITE = "not known to the software; for the site to fill in"


def report_of(found: Findings) -> Document:
    """Every item of the report."""
    summary = summarise(found.own)
    return {
        "says": RESEARCH_ONLY,
        "device": _device(found),
        "study": _study(found, summary),
        "recording_time": _time(found),
        "device_deficiency": _deficiency(found),
        "adverse_events": FOR_THE_SITE,
        "sensitivity": {
            kind: {**share(one), "over_patients": _pair(summary.sensitivity_by_patient[kind])}
            for kind, one in summary.sensitivity.items()
        },
        "sensitivity_of_patient": {patient: share(one) for patient, one in summary.of_patient.items()},
        "false_alarms": _false(summary),
        "precision": share(summary.precision),
        "f1": number(summary.f1),
        "szcore": {
            "sensitivity": number(summary.szcore.sensitivity), "precision": number(summary.szcore.precision),
            "f1": number(summary.szcore.f1), "false_per_24h": number(24 * summary.szcore.false_per_h),
            "true": summary.szcore.true, "found": summary.szcore.found, "false": summary.szcore.false,
        },
        "latency": {kind: _latency(one) for kind, one in summary.latency.items()},
        "latencies_s": [
            round(one.latency_s, 2) for each in found.own for one in each.detections if one.latency_s is not None
        ],
        "false_bytes_share": number(summary.false_bytes_share),
        "ictal_seconds_inside_share": number(summary.ictal_inside_share),
        "curve": [_point(open_at, judged) for open_at, judged in zip(THRESHOLDS, found.judged[1:], strict=True)],
        "recordings": [_recording(each) for each in found.own],
        "files_not_read": [{"file": bad.name, "why": bad.sentence} for bad in found.bad],
        "recordings_without_pictures": found.empty,
        "previews_refused": dict(sum((each.troubles for each in found.watched), Counter[str]())),
        "seizures_outside_every_recording": found.outside,
        "seizures_in_deficient_time": summary.unrecorded,
    }  # fmt: skip


def _device(found: Findings) -> Document:
    card = found.card
    return {
        "release": card.name, "version": card.version, "sha256": card.sha256, "created": card.created.isoformat(),
        "intended_use": card.intended_use, "limits": list(card.limits),
        "trained_on": f"{card.data.source} ({card.data.patients} patients, {card.data.hours} h)",
        "simulated": card.data.simulated,
        "cut_offs": card.trigger.model_dump() if card.trigger else {},
        "cut_offs_fixed_before": True,
    }  # fmt: skip


def _study(found: Findings, summary: Summary) -> Document:
    """The phase by the numbers alone; blinding, centres and the reference standard are the site's to state."""
    with_seizures, seizures = len(summary.of_patient), summary.sensitivity[ALL].trials
    if with_seizures >= 20 and seizures >= 30 and summary.hours >= 3_000 and summary.patients >= 30:
        phase = "the numbers of phase 3; whether it was blinded, multicentre and in real time is the site's to state"
    elif with_seizures >= 10 and seizures >= 15:
        phase = "the numbers of phase 2"
    else:
        phase = "the numbers of phase 1" if with_seizures else "no seizure was recorded: no phase"
    return {
        "patients": summary.patients, "patients_with_seizures": with_seizures, "seizures": seizures,
        "recordings": len(found.own), "files": found.files, "phase": phase,
        "reference_standard": FOR_THE_SITE, "blinding": FOR_THE_SITE, "real_time": "no: recorded, then watched as at the bed",
        "scoring": "any overlap of event and seizure, 30 s before and 60 s after (SzCORE)",
    }  # fmt: skip


def _time(found: Findings) -> Document:
    of_patient: dict[str, float] = {}
    for each in found.own:
        patient = each.recording.patient
        of_patient[patient] = of_patient.get(patient, 0.0) + each.recording.hours
    hours = list(of_patient.values())
    return {
        "hours": number(sum(hours)),
        "of_patient_h": {
            "least": number(min(hours)), "most": number(max(hours)), "mean": number(sum(hours) / len(hours)),
            "median": number(median(hours)),
        },
    }  # fmt: skip


def _deficiency(found: Findings) -> Document:
    """Time in which the device could not see, by cause; overlapping causes count once in the total."""
    by_cause: dict[str, float] = {}
    wanted_s = sum(each.recording.length_s for each in found.own)
    total_s = sum(each.recording.deficient_s for each in found.own)
    for each in found.own:
        for cause in {gap.kind for gap in each.recording.deficient}:
            spans = united((g.start_s, g.end_s) for g in each.recording.deficient if g.kind == cause)
            by_cause[cause] = by_cause.get(cause, 0.0) + covered(spans)
    scattered_s = sum((Counter(each.scattered_s) for each in found.watched), Counter[str]())
    return {
        "hours": number(total_s / 3600), "share": number(total_s / wanted_s) if wanted_s else None,
        "hours_by_cause": {cause: number(seconds / 3600) for cause, seconds in sorted(by_cause.items())},
        "scattered_frame_loss_h_by_cause": {cause: number(s / 3600) for cause, s in sorted(scattered_s.items())},
        "files_not_read": len(found.bad),
    }  # fmt: skip


def _false(summary: Summary) -> Document:
    found = summary.sensitivity[ALL].hits
    return {
        **rate(summary.false), "over_patients_per_h": _pair(summary.false_by_patient_per_h),
        "patients_with_any": share(summary.patients_with_false),
        "true_to_false": f"{found} : {summary.false.count}",
        "by_type_that_the_network_says": {kind: rate(one) for kind, one in summary.false_by_type.items()},
        "source": "the kind of movement that the network says; what a person sees there is for the site to fill in",
    }  # fmt: skip


def _latency(latency: Latency) -> Document:
    return {
        "n": latency.n, "median_s": number(latency.median_s), "mean_s": number(latency.mean_s),
        "least_s": number(latency.low_s), "most_s": number(latency.high_s),
        "within_s": {f"{limit_s:g}": share(one) for limit_s, one in latency.within.items()},
    }  # fmt: skip


def _point(open_at: float, judged: Sequence[Judged]) -> Document:
    found = sum(len(each.found) for each in judged)
    false = Rate(sum(len(each.false) for each in judged), sum(each.recording.hours for each in judged))
    return {
        "open_at": open_at, "sensitivity": share(Share(found, sum(len(each.detections) for each in judged))),
        "false_per_h": number(false.per_h),
    }  # fmt: skip


def _recording(judged: Judged) -> Document:
    recording = judged.recording
    return {
        "name": recording.name, "patient": recording.patient, "length_s": number(recording.length_s),
        "recorded_h": number(recording.hours),
        "deficient": [[gap.kind, number(gap.start_s), number(gap.end_s)] for gap in recording.deficient],
        "seizures": [
            {
                "type": one.truth.kind, "start_s": number(one.truth.start_s), "end_s": number(one.truth.end_s),
                "latency_s": None if one.latency_s is None else number(one.latency_s),
            }
            for one in judged.detections
        ],
        "not_recorded": [[t.kind, number(t.start_s), number(t.end_s)] for t in judged.unrecorded],
        "false_events": [
            {"type": e.kind, "start_s": number(e.start_s), "end_s": number(e.end_s), "peak": number(e.peak)}
            for e in judged.false
        ],
    }  # fmt: skip


def _pair(interval: tuple[float, float]) -> list[float | None]:
    return [number(value) for value in interval]
