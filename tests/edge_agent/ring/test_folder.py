"""A bed's folder belongs to one bed and is worked in by one agent."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_agent.ring.disk_space import Reserve, free_bytes_of
from edge_agent.ring.folder import PARTS, is_locked, locked, prepare_folder, read_identity
from shared.errors import Misconfigured, Transient


def test_a_new_folder_gets_its_parts_and_its_identity(tmp_path: Path) -> None:
    identity = prepare_folder(tmp_path / "bed", "north", "bed-4")
    assert all((tmp_path / "bed" / part).is_dir() for part in PARTS)
    assert prepare_folder(tmp_path / "bed", "north", "bed-4") == identity == read_identity(tmp_path / "bed")
    assert (tmp_path / "bed").stat().st_mode & 0o077 == 0


def test_the_folder_of_another_bed_is_refused(tmp_path: Path) -> None:
    prepare_folder(tmp_path, "north", "bed-4")
    with pytest.raises(Misconfigured, match="belongs to bed bed-4 of site north, not to bed-5 of north"):
        prepare_folder(tmp_path, "north", "bed-5")


def test_a_damaged_identity_is_named(tmp_path: Path) -> None:
    prepare_folder(tmp_path, "north", "bed-4")
    (tmp_path / "identity.json").write_text("{")
    with pytest.raises(Misconfigured, match="cannot be read"):
        prepare_folder(tmp_path, "north", "bed-4")


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(Misconfigured, match="cannot be used"):
        prepare_folder(tmp_path / "file" / "bed", "north", "bed-4")


def test_a_second_agent_is_refused_in_one_sentence(tmp_path: Path) -> None:
    prepare_folder(tmp_path, "north", "bed-4")
    assert not is_locked(tmp_path)
    with locked(tmp_path, "supervisor"):
        assert is_locked(tmp_path)
        with pytest.raises(Transient, match="Another agent uses the folder"), locked(tmp_path, "supervisor"):
            pass
        with locked(tmp_path, "recorder"), pytest.raises(Transient, match="Another recorder"):
            locked(tmp_path, "recorder", wait_s=0.2).__enter__()
    assert not is_locked(tmp_path)


def test_the_reserve_is_given_away_and_held_again(tmp_path: Path) -> None:
    reserve = Reserve(tmp_path, 4096)
    assert not reserve.hold(free_bytes=8000)
    assert reserve.hold(free_bytes=9000)
    assert reserve.hold(free_bytes=0)
    reserve.release()
    assert not reserve.held
    assert free_bytes_of(tmp_path)() > 0
