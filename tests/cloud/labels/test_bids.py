"""An exported annotation with every term of the vocabulary is accepted by the BIDS validator and by hedtools."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import zipfile
from pathlib import Path

from hed import Sidecar, TabularInput, load_schema_version

from cloud.labels.bids import dataset_zip
from shared.annotation import Annotation, Edge, Moi
from shared.clock import NS_PER_S
from shared.vocabulary import terms, vocabulary

VALIDATOR = Path(sys.executable).parent / "bids-validator-deno"


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


def bids_faults(folder: Path, tmp_path: Path) -> list[dict[str, str]]:
    out = tmp_path / "found.json"
    done = subprocess.run(
        [VALIDATOR, folder, "--format", "json", "--outfile", out], capture_output=True, timeout=120, check=False
    )
    assert out.exists(), done.stderr.decode()[-500:]
    issues: list[dict[str, str]] = json.loads(out.read_text())["issues"]["issues"]
    return [one for one in issues if one["severity"] == "error" or one["code"].startswith("HED")]


def test_the_bids_validator_finds_no_fault_and_finds_a_planted_one(tmp_path: Path) -> None:
    table = unpacked(tmp_path / "whole", annotation(0))
    assert bids_faults(tmp_path / "whole", tmp_path) == []
    table.write_text(table.read_text().replace("onset\tduration", "begin\tduration"))
    assert bids_faults(tmp_path / "whole", tmp_path)


def test_hedtools_accepts_the_tags_of_every_term_and_of_rows_in_many_combinations(tmp_path: Path) -> None:
    schema = load_schema_version(vocabulary().hed_version)
    for number in range(12):
        table = unpacked(tmp_path / str(number), annotation(number))
        sidecar = Sidecar(str(table.with_suffix(".json")))
        assert number or sidecar.validate(schema) == []
        assert TabularInput(str(table), sidecar=sidecar).validate(schema) == [], number


def test_the_same_annotation_gives_the_same_bytes() -> None:
    assert dataset_zip(annotation(3), None, "1") == dataset_zip(annotation(3), None, "1")
