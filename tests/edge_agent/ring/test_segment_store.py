"""A segment that the disk failed is out of the way for ever: never flushed again, never taken for an open one."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from edge_agent.ring.folder import prepare_folder
from edge_agent.ring.segment_store import SegmentStore
from tests.edge_agent.ring_files import header_of, make_frames


@pytest.fixture
def store(tmp_path: Path) -> SegmentStore:
    """One open segment with ten frames, not flushed yet."""
    prepare_folder(tmp_path, "north", "bed-4")
    store = SegmentStore(tmp_path)
    store.begin([header_of(0)])
    for frame in make_frames(1, 1 + 10 / 30):
        store.add(frame, None)
    return store


def failing(number: int) -> OSError:
    return OSError(number, os.strerror(number))


def fail(monkeypatch: pytest.MonkeyPatch, owner: object, name: str, number: int) -> None:
    def refuse(*_: object) -> None:
        raise failing(number)

    monkeypatch.setattr(owner, name, refuse)


def test_a_failed_flush_is_not_tried_again_on_that_file(store: SegmentStore, monkeypatch: pytest.MonkeyPatch) -> None:
    flush = os.fdatasync
    fail(monkeypatch, os, "fdatasync", errno.EIO)
    with pytest.raises(OSError, match="Input/output error"):
        store.flush_if_due(1 << 62)
    monkeypatch.setattr(os, "fdatasync", flush)
    with pytest.raises(OSError, match="an earlier flush of this file failed"):
        store.seal()
    assert len(store.condemn()) == 1
    assert not store.is_open


def test_a_condemned_file_that_the_disk_holds_fast_is_moved_later(
    store: SegmentStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rename = Path.rename
    fail(monkeypatch, Path, "rename", errno.EROFS)
    assert store.condemn()
    assert len(list((tmp_path / "open").iterdir())) == 1
    monkeypatch.setattr(Path, "rename", rename)
    store.begin([header_of(1)])
    assert len(list((tmp_path / "quarantine").iterdir())) == 1
    assert len(list((tmp_path / "open").iterdir())) == 1


def test_a_torn_record_that_cannot_be_cut_off_condemns_the_file(
    store: SegmentStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    write, cut = os.writev, os.ftruncate

    def half(descriptor: int, parts: list[bytes]) -> int:
        write(descriptor, parts[:1])
        raise failing(errno.ENOSPC)

    monkeypatch.setattr(os, "writev", half)
    fail(monkeypatch, os, "ftruncate", errno.EIO)
    (frame,) = make_frames(2, 2 + 1 / 30)
    with pytest.raises(OSError, match="Input/output error"):
        store.add(frame, None)
    monkeypatch.setattr(os, "writev", write)
    monkeypatch.setattr(os, "ftruncate", cut)
    with pytest.raises(OSError, match="an earlier flush of this file failed"):
        store.add(frame, None)


def test_a_torn_record_that_was_cut_off_leaves_the_file_good(
    store: SegmentStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = os.writev

    def half(descriptor: int, parts: list[bytes]) -> int:
        write(descriptor, parts[:1])
        raise failing(errno.ENOSPC)

    monkeypatch.setattr(os, "writev", half)
    (frame,) = make_frames(2, 2 + 1 / 30)
    with pytest.raises(OSError, match="No space left"):
        store.add(frame, None)
    monkeypatch.setattr(os, "writev", write)
    sealed = store.seal()
    assert sealed is not None
    assert sum(sealed[0].frames.values()) == 20
