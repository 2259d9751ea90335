"""A bed's folder belongs to one bed and is worked in by one agent."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from edge_agent.ring.disk_space import Reserve, free_bytes_of
from edge_agent.ring.folder import (
    PARTS,
    is_locked,
    locked,
    note_opened,
    prepare_folder,
    read_identity,
    refuse_while_running,
    times_opened,
)
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


def test_a_second_agent_is_refused_by_another_path_too(tmp_path: Path) -> None:
    prepare_folder(tmp_path / "bed", "north", "bed-4")
    (tmp_path / "link").symlink_to(tmp_path / "bed")
    with locked(tmp_path / "bed", "supervisor"):
        assert is_locked(tmp_path / "link")
        with pytest.raises(Transient, match="Another agent"), locked(tmp_path / "link" / "run" / "..", "supervisor"):
            pass


def test_a_second_agent_is_refused_by_a_bind_mount_too(tmp_path: Path) -> None:
    prepare_folder(tmp_path / "bed", "north", "bed-4")
    (tmp_path / "mounted").mkdir()
    mount = ["mount", "--bind", str(tmp_path / "bed"), str(tmp_path / "mounted")]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("mounting is not allowed here")
    try:
        with locked(tmp_path / "bed", "supervisor"):
            assert is_locked(tmp_path / "mounted")
    finally:
        subprocess.run(["umount", "-l", str(tmp_path / "mounted")], check=True)


def test_a_process_that_was_started_alone_is_noticed(tmp_path: Path) -> None:
    prepare_folder(tmp_path, "north", "bed-4")
    with locked(tmp_path, "recorder"), pytest.raises(Transient, match="The process recorder works in the folder"):
        refuse_while_running(tmp_path)
    refuse_while_running(tmp_path)


def test_a_data_disk_that_is_not_mounted_is_named(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="is its disk mounted"):
        prepare_folder(Path("/deepepil-none/bed"), "north", "bed-4", own_disk=True)
    assert not Path("/deepepil-none").exists()
    shm = Path("/dev/shm")  # noqa: S108 - a file system of its own on every Linux
    if shm.is_dir() and shm.stat().st_dev != Path("/").stat().st_dev:
        folder = shm / f"deepepil-{os.getpid()}"
        prepare_folder(folder, "north", "bed-4", own_disk=True)
        for path in sorted(folder.rglob("*"), reverse=True):
            path.rmdir() if path.is_dir() else path.unlink()
        folder.rmdir()


def test_the_folder_keeps_how_often_it_was_opened(tmp_path: Path) -> None:
    assert times_opened(tmp_path) == 0
    note_opened(tmp_path, 7)
    assert times_opened(tmp_path) == 7
    (tmp_path / "opened").write_text("many")
    assert times_opened(tmp_path) == 0


def test_the_reserve_is_given_away_and_held_again(tmp_path: Path) -> None:
    reserve = Reserve(tmp_path, 4096)
    assert not reserve.hold(free_bytes=8000)
    assert reserve.hold(free_bytes=9000)
    assert reserve.hold(free_bytes=0)
    reserve.release()
    assert not reserve.held
    assert free_bytes_of(tmp_path)() > 0
