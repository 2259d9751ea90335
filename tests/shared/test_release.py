"""Release cards: strict, honest about their use, and true to the file beside them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from shared.errors import Refused
from shared.release import ReleaseCard, card_path, load_card, save_card, sha256_of, verify_release

FIELDS: dict[str, Any] = {
    "name": "detector-test",
    "kind": "detector",
    "version": "0.1.0",
    "file": "detector-test.onnx",
    "sha256": "0" * 64,
    "input": {
        "streams": ["ir", "depth"],
        "width": 32,
        "height": 26,
        "fps": 3.0,
        "preprocessing": "DetectorInput",
        "inputs": [{"name": "state", "shape": [1, 128], "dtype": "float32"}],
        "outputs": [{"name": "next_state", "shape": [1, 128], "dtype": "float32"}],
        "state": {"state": "next_state"},
        "onnx_opset": 17,
    },
    "classes": ["quiet", "tonic"],
    "trigger": {"open_at": 0.6, "close_at": 0.3, "min_length_s": 3.0},
    "metrics": {"sensitivity": {"value": 0.95, "unit": "share", "n": 20, "low": 0.76, "high": 0.99}},
    "data": {"source": "ward", "patients": 72, "hours": 12.0, "simulated": True, "split": "by patient"},
    "limits": ["trained on simulation"],
    "intended_use": "research only: no diagnosis, no alarm",
    "created": "2026-11-22T12:00:00Z",
}


def write(folder: Path, content: bytes = b"weights", **changes: object) -> Path:
    fields = {**FIELDS, "file": "detector-test.onnx", **changes}
    (folder / "detector-test.onnx").write_bytes(content)
    if "sha256" not in changes:
        fields["sha256"] = sha256_of(folder / "detector-test.onnx")
    path = card_path(folder, "detector-test")
    path.write_text(json.dumps(fields))
    return path


def test_a_card_survives_being_saved_and_loaded(tmp_path: Path) -> None:
    card = ReleaseCard.model_validate_json(json.dumps(FIELDS))
    save_card(card, tmp_path / "one.card.json")
    assert load_card(tmp_path / "one.card.json") == card


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"colour": 1}, "colour"),
        ({"intended_use": "bedside alarm"}, "intended_use"),
        ({"created": "2026-11-22T12:00:00"}, "created"),
        ({"file": "../secret.onnx"}, "file"),
        ({"name": "Detector"}, "name"),
        ({"sha256": "abc"}, "sha256"),
        ({"limits": []}, "limits"),
        ({"trigger": {"open_at": 0.3, "close_at": 0.6, "min_length_s": 3.0}}, "close_at"),
        ({"data": {**FIELDS["data"], "simulated": "perhaps"}}, "data.simulated"),
    ],
)
def test_a_wrong_field_is_refused_by_name(tmp_path: Path, change: dict[str, Any], word: str) -> None:
    with pytest.raises(Refused, match=word):
        load_card(write(tmp_path, **change))


@pytest.mark.parametrize("content", [b"", b"[]", b"{", b"\xff\xfe", b'{"name": NaN}', b"x" * 300_000])
def test_what_is_no_card_is_refused_in_one_sentence(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "detector-test.card.json"
    path.write_bytes(content)
    with pytest.raises(Refused, match=r"detector-test\.card\.json"):
        load_card(path)


def test_a_missing_card_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="cannot be read"):
        verify_release(tmp_path, "detector-test")


def test_a_file_that_its_card_describes_is_accepted(tmp_path: Path) -> None:
    write(tmp_path)
    assert verify_release(tmp_path, "detector-test") == tmp_path / "detector-test.onnx"


def test_a_file_with_one_flipped_bit_is_refused(tmp_path: Path) -> None:
    write(tmp_path)
    (tmp_path / "detector-test.onnx").write_bytes(b"weighus")
    with pytest.raises(Refused, match="SHA-256"):
        verify_release(tmp_path, "detector-test")


def test_a_detector_over_two_megabytes_is_refused(tmp_path: Path) -> None:
    write(tmp_path, content=bytes(2_000_001))
    with pytest.raises(Refused, match="2000001 bytes"):
        verify_release(tmp_path, "detector-test")


def test_the_card_of_another_release_is_refused(tmp_path: Path) -> None:
    write(tmp_path, name="detector-other")
    with pytest.raises(Refused, match="is the card of detector-other"):
        verify_release(tmp_path, "detector-test")


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    write(tmp_path)
    (tmp_path / "detector-test.onnx").unlink()
    with pytest.raises(Refused, match=r"detector-test\.onnx cannot be read"):
        verify_release(tmp_path, "detector-test")
