"""An exported annotation with every term of the vocabulary is accepted by the BIDS validator and by hedtools."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

from cloud.labels.bids import dataset_zip
from shared.annotation import Annotation, Edge, Moi
from shared.clock import NS_PER_S
from shared.vocabulary import terms, vocabulary
from tests.cloud.labels.bids_checks import bids_faults, hed_faults


def annotation(number: int) -> Annotation:
    """Every movement of interest, and the terms of the other groups in turn."""

    def key(group: str) -> str:
        keys = sorted(terms(group))
        return keys[number % len(keys)]

    mois = [
        Moi(
            id=f"m{at}",
            term=term.key,
            start_ns=(5 + at) * NS_PER_S,
            end_ns=(8 + at) * NS_PER_S,
            laterality=key("lateralities") if term.sided else None,
            body_part=key("body_parts"),
        )
        for at, term in enumerate(vocabulary().mois)
    ]
    return Annotation(
        onset=Edge(at_ns=5 * NS_PER_S, kind=key("onset_types")),
        offset=Edge(at_ns=60 * NS_PER_S, kind=key("offset_types")),
        ilae_2025=key("ilae_2025"),
        ilae_2017=key("ilae_2017"),
        epilepsy_class=key("epilepsy_classes"),
        consciousness=key("consciousness"),
        sleep_state=key("sleep_states"),
        mois=mois,
    )


def unpacked(folder: Path, said: Annotation) -> Path:
    zipfile.ZipFile(io.BytesIO(dataset_zip(said, "PT-7KQ2M", "0.1.0"))).extractall(folder)
    return folder / "sub-PT7KQ2M" / "beh" / "sub-PT7KQ2M_task-monitoring_events.tsv"


def test_the_bids_validator_finds_no_fault_and_finds_a_planted_one(tmp_path: Path) -> None:
    table = unpacked(tmp_path / "whole", annotation(0))
    assert bids_faults(tmp_path / "whole", tmp_path / "found.json") == []
    table.write_text(table.read_text().replace("onset\tduration", "begin\tduration"))
    assert bids_faults(tmp_path / "whole", tmp_path / "found.json")


def test_hedtools_accepts_the_tags_of_every_term_and_of_rows_in_many_combinations(tmp_path: Path) -> None:
    for number in range(12):
        table = unpacked(tmp_path / str(number), annotation(number))
        assert hed_faults(table, sidecar_too=number == 0) == [], number


def test_the_same_annotation_gives_the_same_bytes() -> None:
    assert dataset_zip(annotation(3), None, "1") == dataset_zip(annotation(3), None, "1")
