"""An annotation as a small BIDS dataset: events.tsv with HED tags in its sidecar, as a zip file. Pure."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterable

from shared.annotation import Annotation, Moi
from shared.clock import NS_PER_S
from shared.luders import luders_chain
from shared.vocabulary import Term, terms, vocabulary

BIDS_VERSION = "1.10.0"
NONE = "n/a"
MOI, EPISODE = "moi-", "episode-"
README = (
    "# One annotated event\n\nMade by DeepEpil. For research use only: no diagnosis, no alarm. Onsets count in seconds from the start of the"
    " clip. Terms are those of DeepEpil's vocabulary; their HED tags are of HED-SCORE 2.1.0.\n"
)
_DATE = (1980, 1, 1, 0, 0, 0)
"""The date of every file in the zip, so that the same annotation always gives the same bytes."""
_PLAIN = {
    "onset": ("Onset from the start of the clip", "s"),
    "duration": ("Length; n/a where no end was marked", "s"),
    "luders_chain": ("Semiological chain (Lüders 1998), from the order of the movements of interest", None),
}
_TERMED = {
    "laterality": ("lateralities", "Side of the movement"),
    "body_part": ("body_parts", "Body part that moves"),
    "confidence": ("confidences", "How sure the reader was"),
    "consciousness": ("consciousness", "Consciousness during the event"),
    "sleep_state": ("sleep_states", "State in which the event began"),
    "ilae_2025": ("ilae_2025", "Seizure class, ILAE 2025"),
    "epilepsy_class": ("epilepsy_classes", "Epilepsy class that the event speaks for"),
    "onset_type": ("onset_types", "By what the onset was seen"),
    "offset_type": ("offset_types", "By what the end was seen"),
}
_COLUMNS = ("onset", "duration", "trial_type", *_TERMED, "luders_chain")


def subject_of(patient_code: str | None) -> str:
    """The BIDS label of a patient code: letters and digits alone."""
    return "".join(sign for sign in patient_code or "unassigned" if sign.isalnum())


def events_tsv(said: Annotation) -> str:
    """The events table: the event itself first, then its movements of interest in order of onset."""
    rows = [_episode(said), *(_moi(moi) for moi in sorted(said.mois, key=lambda one: (one.start_ns, one.id)))]
    lines = ["\t".join(_COLUMNS), *("\t".join(row.get(name, NONE) for name in _COLUMNS) for row in rows)]
    return "\n".join(lines) + "\n"


def _episode(said: Annotation) -> dict[str, str]:
    start_ns = said.onset.at_ns if said.onset else min((moi.start_ns for moi in said.mois), default=0)
    values = {
        "onset": _seconds(start_ns),
        "duration": _seconds(said.offset.at_ns - start_ns) if said.offset and said.offset.at_ns >= start_ns else NONE,
        "trial_type": EPISODE + (said.ilae_2017 or "unnamed"),
        "consciousness": said.consciousness,
        "sleep_state": said.sleep_state,
        "ilae_2025": said.ilae_2025,
        "epilepsy_class": said.epilepsy_class,
        "onset_type": said.onset.kind if said.onset else None,
        "offset_type": said.offset.kind if said.offset else None,
        "luders_chain": " -> ".join(one.text for one in luders_chain(said)),
    }
    return {name: value or NONE for name, value in values.items()}


def _moi(moi: Moi) -> dict[str, str]:
    values = {
        "onset": _seconds(moi.start_ns),
        "duration": _seconds(moi.end_ns - moi.start_ns),
        "trial_type": MOI + moi.term,
        "laterality": moi.laterality,
        "body_part": moi.body_part,
        "confidence": moi.confidence,
    }
    return {name: value or NONE for name, value in values.items()}


def _seconds(ns: int) -> str:
    return f"{ns / NS_PER_S:.6f}"


def events_json() -> str:
    """The sidecar: what each column means, and the HED tag of each term that has one."""
    trial: list[tuple[str, Term]] = [(EPISODE + key, term) for key, term in terms("ilae_2017").items()]
    trial += [(MOI + key, term) for key, term in terms("mois").items()]
    sidecar: dict[str, object] = {
        name: {"Description": text, **({"Units": unit} if unit else {})} for name, (text, unit) in _PLAIN.items()
    }
    sidecar["trial_type"] = _column("The event, or a movement of interest in it", trial)
    unnamed = {"unnamed": "An event whose class was not named"}
    levels = sidecar["trial_type"]
    assert isinstance(levels, dict)
    levels["Levels"] |= {EPISODE + key: text for key, text in unnamed.items()}
    levels["HED"] |= {EPISODE + key: "Episode" for key in unnamed}
    for name, (group, text) in _TERMED.items():
        sidecar[name] = _column(text, terms(group).items())
    return json.dumps(sidecar, indent=2, ensure_ascii=False) + "\n"


def _column(text: str, entries: Iterable[tuple[str, Term]]) -> dict[str, object]:
    entries = list(entries)
    tagged = any(term.hed for _, term in entries)
    # in a column with tags each level needs one: what HED has no word for is a label
    tags = {key: term.hed or f"Label/{key}" for key, term in entries} if tagged else {}
    levels = {key: term.word() for key, term in entries}
    return {"Description": text, "Levels": levels, **({"HED": tags} if tags else {})}


def dataset_zip(said: Annotation, patient_code: str | None, program_version: str) -> bytes:
    """The dataset as a zip file; the same annotation gives the same bytes."""
    subject = f"sub-{subject_of(patient_code)}"
    place = f"{subject}/beh/{subject}_task-monitoring_events"
    description = {
        "Name": "Annotation of one event",
        "BIDSVersion": BIDS_VERSION,
        "HEDVersion": vocabulary().hed_version,
        "DatasetType": "raw",
        "GeneratedBy": [{"Name": "DeepEpil", "Version": program_version}],
    }
    files = {
        "dataset_description.json": json.dumps(description, indent=2) + "\n",
        "README.md": README,
        "participants.tsv": f"participant_id\n{subject}\n",
        f"{place}.tsv": events_tsv(said),
        f"{place}.json": events_json(),
    }
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            archive.writestr(zipfile.ZipInfo(name, _DATE), text.encode())
    return packed.getvalue()
