"""The classifier's commands: a release goes out only whole, and what is missing is told in one sentence."""

import json
from pathlib import Path

import pytest

from models.cli import main
from shared.release import verify_release

RELEASES = Path(__file__).parents[3] / "models" / "releases"


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    with pytest.raises(SystemExit) as left:
        main(arguments)
    captured = capsys.readouterr()
    return int(left.value.code or 0), captured.err + captured.out


def test_releasing_what_was_not_trained_is_refused(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    code, said = run(capsys, "release", "i3d", "--folder", str(tmp_path), "--to", str(tmp_path / "out"))
    assert code == 65
    assert "i3d-narrow-v1.card.json cannot be read" in said
    assert not (tmp_path / "out").exists()


def test_a_trained_network_is_copied_whole_among_the_releases(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    code, _ = run(capsys, "release", "i3d", "--folder", str(RELEASES), "--to", str(tmp_path))
    assert code == 0
    assert verify_release(tmp_path, "i3d-narrow-v1").exists()


def test_evaluating_prints_and_writes_the_figures(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    code, said = run(capsys, "evaluate", "i3d", "--folder", str(RELEASES), "--clips", "3")
    assert code == 0
    assert "simulated patients that no training saw" in said
    figures = json.loads((tmp_path / "build" / "results" / "evaluate-i3d.json").read_text())["figures"]
    assert 0.0 <= figures["i3d_macro_f1"]["value"] <= 1.0
