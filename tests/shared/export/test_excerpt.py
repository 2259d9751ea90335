"""What an export refuses, and that a refusal leaves nothing behind."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import pytest

from shared.errors import Refused
from shared.export.excerpt import Excerpt, Piece, paired
from shared.export.formats import ExportFormat, raw_bytes, write_export
from shared.frame import Stream
from tests.shared.export.excerpts import CAMERA, HEIGHT, WIDTH, excerpt_of, make_frames, seal

FORMATS = pytest.mark.parametrize("form", list(ExportFormat))


def refused(excerpt: Excerpt, form: ExportFormat, folder: Path) -> str:
    (folder / "out").mkdir()
    with pytest.raises(Refused) as caught:
        write_export(excerpt, form, folder / "out" / "a", lambda *_: None)
    assert list((folder / "out").iterdir()) == []
    return caught.value.sentence


@FORMATS
def test_a_change_of_the_camera_within_the_span(tmp_path: Path, form: ExportFormat) -> None:
    frames = make_frames(4)
    excerpt = excerpt_of(tmp_path, frames[:2])
    later = seal(tmp_path, frames[2:], CAMERA.model_copy(update={"frames_per_s": 15}), sequence=1)
    piece = replace(excerpt.pieces[0], open=lambda: nullcontext(later), end_mono_ns=2**62)
    words = refused(replace(excerpt, pieces=[excerpt.pieces[0], piece]), form, tmp_path)
    assert "The camera or its mode changed before segment 1" in words


@FORMATS
def test_a_span_between_two_frames(tmp_path: Path, form: ExportFormat) -> None:
    excerpt = excerpt_of(tmp_path, make_frames(2))
    first_ns = excerpt.pieces[0].start_mono_ns
    piece = replace(excerpt.pieces[0], start_mono_ns=first_ns + 1, end_mono_ns=first_ns + 2)
    assert "No picture" in refused(replace(excerpt, pieces=[piece]), form, tmp_path)


def test_a_disk_that_cannot_hold_it(tmp_path: Path) -> None:
    excerpt = excerpt_of(tmp_path, make_frames(2))
    many = {Stream.depth: 2_000_000_000, Stream.ir: 2_000_000_000}
    crowded = [Piece(piece.open, piece.start_mono_ns, piece.end_mono_ns, many) for piece in excerpt.pieces]
    hour = replace(excerpt, pieces=crowded, end_utc_ns=excerpt.start_utc_ns + 3_600 * 10**9)
    huge = CAMERA.model_copy(update={"depth_width": 8192, "depth_height": 8192, "frames_per_s": 240.0})
    assert raw_bytes(hour, CAMERA) == 2 * (30 * 3600 + 1) * 2 * WIDTH * HEIGHT
    later = seal(tmp_path, make_frames(1), huge, sequence=1)
    giant = [replace(piece, open=lambda: nullcontext(later)) for piece in crowded]
    assert "MiB free; this export needs" in refused(replace(hour, pieces=giant), ExportFormat.mkv, tmp_path)


def test_only_colour_and_the_rest_of_one_boot_and_neighbouring_numbers_are_one_piece() -> None:
    def piece(*streams: Stream) -> Piece:
        return Piece(lambda: nullcontext(Path(",".join(streams))), 0, 1, dict.fromkeys(streams, 1))

    rest, colour, whole = (Stream.depth, Stream.ir), (Stream.colour,), (Stream.depth, Stream.ir, Stream.colour)
    found = paired([
        (("a", 1), piece(*whole)), (("a", 3), piece(*rest)), (("a", 2), piece(*colour)), (("a", 4), piece(*colour)),
        (("a", 6), piece(*rest)), (("b", 5), piece(*colour)), (("b", 7), piece(*rest)),
    ])  # fmt: skip
    assert [each.frames.keys() for each in found] == [
        set(whole), set(whole), set(colour), set(rest), set(colour), set(rest)
    ]  # fmt: skip
    assert [each.colour is not None for each in found] == [False, True, False, False, False, False]
