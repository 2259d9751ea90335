"""The command line of the networks: quick help, one sentence for every refusal."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from models.cli import main


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    with pytest.raises(SystemExit) as left:
        main(arguments)
    captured = capsys.readouterr()
    return int(left.value.code or 0), captured.err + captured.out


def test_an_unknown_network_is_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    code, said = run(capsys, "train", "oracle")
    assert code == 2
    assert "oracle" in said


def test_a_missing_extra_is_one_sentence_that_says_what_to_install(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in sys.modules if name.startswith(("torch", "models.detector"))]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "torch", None)
    code, said = run(capsys, "train", "detector")
    assert code == 78
    assert said == "torch is not installed; deepepil-models needs the extra: pip install 'deepepil[train]'.\n"


def test_evaluating_what_is_not_there_is_refused(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    code, said = run(capsys, "evaluate", "detector", "--folder", str(tmp_path))
    assert code == 65
    assert "detector-v0.card.json cannot be read" in said
    assert said.count("\n") == 1
