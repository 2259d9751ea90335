"""A segment gives back what was put in, whole or up to a cut, and never anything else: any cut, any flipped bit."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from uuid import UUID

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.clock_model import ClockModel
from shared.codec.presence import kernels_available
from shared.errors import Refused
from shared.frame import Frame, Stream
from shared.gap import Gap, GapCause
from shared.imu import ImuSample
from shared.preview import Preview, preview_of
from shared.segment import SegmentReader, SegmentWriter, hash_file, scan_segment
from shared.segment_records import (
    FOOTER,
    MAGIC,
    Opcode,
    SegmentHeader,
    StreamImage,
    read_imu,
    record_parts,
)
from tests.fakes.clock import BOOT, START_MONO_NS
from tests.fakes.frame_source import ALL, HEIGHT, PERIOD_NS, WIDTH, camera_info, make_frame
from tests.shared.codec.images import make_image

GOLDEN = Path(__file__).parents[1] / "golden" / "segment-v0"
IMU = tuple(
    ImuSample(7 + 625_000 * k, START_MONO_NS + 625_000 * k, (0.5, -9.75, 0.25 * k), (0.125, 0.0, -0.5), 33.5)
    for k in range(3)
)
CLOCK = ClockModel(
    frames=4, device_zero_ns=0, mono_zero_ns=START_MONO_NS, utc_zero_ns=9, mono_per_device=1.0004, utc_per_mono=1.0,
    mono_error_ns=1200, utc_error_ns=80,
)  # fmt: skip


def scene(index: int) -> Frame:
    """Depth with holes over its background; infrared likewise, but for the third image, which is noise alone."""
    frame = make_frame(index, streams=ALL if index % 3 == 0 else (Stream.depth, Stream.ir))
    depth = make_image("holes", HEIGHT, WIDTH, index)
    ir = make_image("noise" if index == 2 else "loud", HEIGHT, WIDTH, index)
    return replace(frame, depth=depth, ir=ir, imu=IMU if index == 0 else ())


WHOLE = 10 + 2 + 1 + len(IMU)
FRAMES = [scene(index) for index in range(4)]
GAP = Gap(
    stream=Stream.depth, cause=GapCause.source, boot_id=BOOT, start_mono_ns=START_MONO_NS + 1, end_mono_ns=START_MONO_NS + 2,
    start_utc_ns=5, end_utc_ns=6, missing_frames=1,
)  # fmt: skip


def header() -> SegmentHeader:
    return SegmentHeader(
        segment_id=UUID("01990000-0000-7000-8000-000000000001"), site="north", bed="bed-4", boot_id=BOOT, sequence=7,
        stay_id=UUID("01990000-0000-7000-8000-000000000002"), camera=camera_info(10.0),
    )  # fmt: skip


def preview_from(frame: Frame) -> Preview:
    ir, depth = preview_of(frame.depth, frame.ir)
    return Preview(frame.index // 2, frame.mono_ns, frame.utc_ns, ir, depth)


def depth_alone(index: int) -> Frame:
    return replace(scene(index), ir=None, colour=None, imu=())


def write(path: Path, frames: list[Frame] = FRAMES) -> SegmentWriter:
    writer = SegmentWriter(path, header())
    for frame in frames:
        writer.add_frame(frame)
        if frame.index % 2 == 0:
            writer.add_preview(preview_from(frame))
    writer.add_gap(GAP)
    return writer


@pytest.fixture(scope="module")
def sealed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("segment")
    return write(folder / "a.part").seal(folder, CLOCK).path


def same(image: StreamImage, frame: Frame) -> bool:
    wanted = {Stream.depth: frame.depth, Stream.ir: frame.ir, Stream.colour: frame.colour}[image.stream]
    times = (image.index, image.device_ns, image.mono_ns, image.utc_ns)
    if times != (frame.index, frame.device_ns, frame.mono_ns, frame.utc_ns):
        return False
    return image.image() == wanted if isinstance(wanted, bytes | None) else np.array_equal(image.pixels(), wanted)


def read_until_damage(path: Path) -> Iterator[StreamImage | Preview | Gap | ImuSample]:
    """All that a reader gives before it says that the rest is damaged."""
    try:
        with SegmentReader(path) as reader:
            yield from reader.frames()
            yield from reader.previews()
            yield from reader.gaps()
            yield from reader.imu()
    except Refused:
        return


def assert_only_the_truth(path: Path) -> int:
    frames = {frame.index: frame for frame in FRAMES}
    count = 0
    for found in read_until_damage(path):
        count += 1
        if isinstance(found, StreamImage):
            assert same(found, frames[found.index])
        elif isinstance(found, Preview):
            original = preview_from(frames[2 * found.index])
            assert np.array_equal(found.ir, original.ir)
            assert np.array_equal(found.depth, original.depth)
        elif isinstance(found, ImuSample):
            assert found in IMU
        else:
            assert found == GAP
    return count


def test_a_sealed_segment_gives_back_every_image_preview_and_gap(sealed: Path) -> None:
    with SegmentReader(sealed) as reader:
        assert reader.sealed
        assert reader.header == header()
        assert reader.counts() == {Stream.depth: 4, Stream.ir: 4, Stream.colour: 2, Stream.preview: 2}
        images = list(reader.frames())
        assert len(images) == 10
        assert all(same(image, FRAMES[image.index]) for image in images)
        assert reader.gaps() == [GAP]
        assert [preview.mono_ns for preview in reader.previews()] == [FRAMES[0].mono_ns, FRAMES[2].mono_ns]
        assert tuple(reader.imu()) == IMU
        assert reader.clock == CLOCK


def test_the_name_of_a_sealed_segment_is_the_hash_of_its_bytes(sealed: Path) -> None:
    assert sealed.name == f"{hash_file(sealed)}.seg"


def test_streams_and_spans_are_chosen_by_the_index(sealed: Path) -> None:
    with SegmentReader(sealed) as reader:
        found = list(reader.frames([Stream.ir], START_MONO_NS + PERIOD_NS, START_MONO_NS + 3 * PERIOD_NS))
        assert [(image.stream, image.index) for image in found] == [(Stream.ir, 1), (Stream.ir, 2)]
        assert list(reader.previews(end_mono_ns=START_MONO_NS)) == []


def test_inertial_samples_are_chosen_one_by_one(sealed: Path) -> None:
    with SegmentReader(sealed) as reader:
        assert tuple(reader.imu(IMU[1].mono_ns, IMU[2].mono_ns)) == IMU[1:2]
        assert tuple(reader.imu(end_mono_ns=IMU[0].mono_ns)) == ()


@pytest.mark.parametrize("size", [0, 1, 43, 45, 44 * 65_537])
def test_an_inertial_batch_of_another_length_is_refused(size: int) -> None:
    with pytest.raises(Refused, match="samples of 44"):
        read_imu(bytes(size))


def test_an_open_segment_is_read_by_scanning(tmp_path: Path) -> None:
    writer = write(tmp_path / "a.part")
    writer.flush()
    with SegmentReader(tmp_path / "a.part") as reader:
        assert not reader.sealed
        assert reader.counts() == writer.contents.counts()
    writer.close()
    assert assert_only_the_truth(tmp_path / "a.part") == WHOLE


def test_a_cut_within_the_last_bytes_of_a_record_leaves_it_out(sealed: Path, tmp_path: Path) -> None:
    whole, cut = sealed.read_bytes(), tmp_path / "cut"
    with SegmentReader(sealed) as reader:
        ends = sorted(offset for offset in reader._offsets(["depth", "ir", "colour"], None, None))[1:4]
    for end in ends:
        for missing in range(1, 12):
            cut.write_bytes(whole[: end - missing])
            assert_only_the_truth(cut)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_cut_anywhere_leaves_a_true_beginning(sealed: Path, tmp_path: Path, data: st.DataObject) -> None:
    whole = sealed.read_bytes()
    cut = tmp_path / "cut"
    cut.write_bytes(whole[: data.draw(st.integers(0, len(whole) - 1))])
    assert_only_the_truth(cut)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_flipped_bit_never_gives_wrong_data(sealed: Path, tmp_path: Path, data: st.DataObject) -> None:
    damaged = bytearray(sealed.read_bytes())
    bit = data.draw(st.integers(0, 8 * len(damaged) - 1))
    damaged[bit // 8] ^= 1 << bit % 8
    path = tmp_path / "flipped"
    path.write_bytes(damaged)
    assert_only_the_truth(path)


def test_every_bit_of_head_and_footer_may_flip(sealed: Path, tmp_path: Path) -> None:
    whole = sealed.read_bytes()
    places = [*range(64), *range(len(whole) - FOOTER.size, len(whole))]
    for place in places:
        damaged = bytearray(whole)
        damaged[place] ^= 0x10
        (tmp_path / "flipped").write_bytes(damaged)
        assert_only_the_truth(tmp_path / "flipped")


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_cut_file_is_taken_up_and_sealed_with_all_its_whole_records(
    sealed: Path, tmp_path: Path, data: st.DataObject
) -> None:
    whole = sealed.read_bytes()
    part = tmp_path / "left.part"
    part.write_bytes(whole[: data.draw(st.integers(len(whole) // 8, len(whole)))])
    before = assert_only_the_truth(part)
    again = SegmentWriter.resume(part).seal(tmp_path)
    assert again.sha256 == hash_file(again.path)
    with SegmentReader(again.path) as reader:
        assert reader.sealed
    assert assert_only_the_truth(again.path) == before
    again.path.unlink()


@given(st.binary(max_size=300))
def test_foreign_bytes_are_refused_in_a_sentence(data: bytes) -> None:
    path = Path(os.environ.get("TMPDIR", "/tmp")) / f"deepepil-foreign-{os.getpid()}"  # noqa: S108
    path.write_bytes(data)
    try:
        with pytest.raises(Refused):
            SegmentReader(path)
    finally:
        path.unlink()


def test_a_record_that_claims_more_than_the_limit_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "liar"
    head = b"".join([MAGIC, *record_parts(Opcode.header, header().model_dump_json().encode())])
    path.write_bytes(head + (0xFFFFFFFF).to_bytes(4, "little") + bytes([Opcode.image]) + bytes(1000))
    with SegmentReader(path) as reader:
        assert list(reader.frames()) == []
        assert "cut or damaged" in reader.torn


def test_an_unknown_opcode_is_skipped(tmp_path: Path) -> None:
    path = tmp_path / "new"
    frame = FRAMES[1]
    writer = SegmentWriter(path, header())
    writer.close()
    other = SegmentWriter(tmp_path / "b", header())
    start = other.size_bytes
    other.add_frame(frame)
    other.close()
    with path.open("ab") as file:
        file.write(b"".join(record_parts(77, b"of a later version")))
        file.write((tmp_path / "b").read_bytes()[start:])
    with SegmentReader(path) as reader:
        assert [image.index for image in reader.frames()] == [1, 1]


def test_a_segment_of_a_sealing_suite_is_refused_by_name(tmp_path: Path) -> None:
    fields = json.loads(header().model_dump_json())
    fields["key"]["suite"] = "aes-256-gcm"
    path = tmp_path / "secret"
    path.write_bytes(b"".join([MAGIC, *record_parts(Opcode.header, json.dumps(fields).encode())]))
    with pytest.raises(Refused, match="aes-256-gcm"):
        SegmentReader(path)


def test_a_failed_flush_condemns_the_file_for_good(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    writer = write(tmp_path / "a.part")

    def fail(_descriptor: int) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "fdatasync", fail)
    with pytest.raises(OSError, match="Input/output"):
        writer.flush()
    monkeypatch.undo()
    with pytest.raises(OSError, match="earlier flush"):
        writer.seal(tmp_path)
    assert list(tmp_path.glob("*.seg")) == []


def test_a_write_that_finds_no_room_leaves_whole_records_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    writer = write(tmp_path / "a.part")
    before = writer.size_bytes
    real = os.writev

    def short(descriptor: int, parts: list[bytes]) -> int:
        real(descriptor, parts[:1])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "writev", short)
    with pytest.raises(OSError, match="No space"):
        writer.add_frame(make_frame(9))
    monkeypatch.undo()
    assert (tmp_path / "a.part").stat().st_size == writer.size_bytes == before
    assert assert_only_the_truth(writer.seal(tmp_path).path) == WHOLE


def test_an_image_that_did_not_reach_the_file_is_leaned_on_by_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = SegmentWriter(tmp_path / "a.part", header())
    for index in (4, 5):
        writer.add_frame(depth_alone(index))

    def full(_descriptor: int, _parts: list[bytes]) -> int:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "writev", full)
        with pytest.raises(OSError, match="No space"):
            writer.add_frame(depth_alone(7))
    for index in (8, 10):
        writer.add_frame(depth_alone(index))
    with SegmentReader(writer.seal(tmp_path).path) as reader:
        assert [image.codec.is_key for image in reader.frames()] == [True, False, True, False]
        assert all(same(image, scene(image.index)) for image in reader.frames())


def test_a_file_that_is_taken_up_goes_on_with_a_key_image(tmp_path: Path) -> None:
    write(tmp_path / "a.part").close()
    writer = SegmentWriter.resume(tmp_path / "a.part")
    for index in (4, 5):
        writer.add_frame(depth_alone(index))
    with SegmentReader(writer.seal(tmp_path).path) as reader:
        assert [image.codec.is_key for image in reader.frames([Stream.depth])] == [
            True,
            False,
            False,
            False,
            True,
            False,
        ]
        assert all(same(image, scene(image.index)) for image in reader.frames([Stream.depth]))


@pytest.mark.parametrize("kind", ["compiled", "plain"])
def test_the_golden_segments_read_as_they_were_written(kind: str) -> None:
    expected = json.loads((GOLDEN / kind / "expected.json").read_text())
    path = GOLDEN / kind / f"{expected['sha256']}.seg"
    assert hash_file(path) == expected["sha256"]
    with SegmentReader(path) as reader:
        assert json.loads(reader.header.model_dump_json()) == expected["header"]
        assert {stream.value: count for stream, count in reader.counts().items()} == expected["counts"]
        assert [image.codec.name for image in reader.frames()] == expected["codecs"]
        assert reader.clock == CLOCK
    assert assert_only_the_truth(path) == expected["records"]


def test_what_is_written_today_reads_like_the_golden_segment(tmp_path: Path) -> None:
    """Compressed bytes may differ between versions of zstandard; everything else must not."""
    golden = scan_segment(next((GOLDEN / "compiled").glob("*.seg")))
    writer = write(tmp_path / "a.part")
    writer.close()
    today = scan_segment(tmp_path / "a.part")
    assert today.header == golden.header
    assert today.contents.counts() == golden.contents.counts()
    assert today.contents.keys() == golden.contents.keys()
    assert (today.contents.first, today.contents.last) == (golden.contents.first, golden.contents.last)


def write_golden() -> None:
    """Writes a golden segment; run by hand (`python -m tests.shared.test_segment`, with numba and without) when the version changes."""
    folder = GOLDEN / ("compiled" if kernels_available() else "plain")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    done = write(folder / "a.part").seal(folder, CLOCK)
    with SegmentReader(done.path) as reader:
        counts = {stream.value: count for stream, count in reader.counts().items()}
        codecs = [image.codec.name for image in reader.frames()]
        fields = json.loads(reader.header.model_dump_json())
    expected = {"sha256": done.sha256, "counts": counts, "codecs": codecs, "records": WHOLE, "header": fields}
    (folder / "expected.json").write_text(json.dumps(expected, indent=2) + "\n")


if __name__ == "__main__":
    write_golden()
