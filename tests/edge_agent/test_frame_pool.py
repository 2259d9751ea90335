"""Frames cross shared memory whole or not at all; the writer never waits; either side may come back."""

from __future__ import annotations

import mmap
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edge_agent import frame_pool
from edge_agent.frame_pool import (
    MOST_IMU_SAMPLES,
    FramePoolReader,
    FramePoolWriter,
    PoolInfo,
    pool_slots,
    remove_pools,
)
from shared.errors import Broken, Misconfigured
from shared.frame import Frame, Stream, Uint16Image
from shared.imu import ImuSample
from tests.fakes.frame_source import ALL, camera_info, make_frame

INFO = PoolInfo(camera=camera_info(10.0), streams=list(ALL))


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path
    remove_pools(tmp_path)


def inertial_samples(count: int) -> tuple[ImuSample, ...]:
    return tuple(
        ImuSample(index * 600_000, index, (0.5, -9.75, index / 8), (0.25, 0.0, -0.125), 36.5) for index in range(count)
    )


def same(one: Frame | None, other: Frame) -> bool:
    if one is None or (one.index, one.mono_ns, one.utc_ns, one.colour, one.imu) != (
        other.index, other.mono_ns, other.utc_ns, other.colour, other.imu,
    ):  # fmt: skip
        return False
    pairs = ((one.depth, other.depth), (one.ir, other.ir))
    return all(
        (a is None and b is None) or (a is not None and b is not None and np.array_equal(a, b)) for a, b in pairs
    )


def test_frames_with_and_without_each_image_come_out_as_they_went_in(folder: Path) -> None:
    writer, reader = FramePoolWriter(folder, INFO), FramePoolReader(folder)
    for index, streams in enumerate([ALL, (Stream.depth,), (Stream.ir,), (Stream.colour,), ()]):
        frame = replace(make_frame(index, streams=streams), imu=inertial_samples(index))
        assert same(reader.read(writer.write(frame)), frame)


def test_the_reader_learns_the_camera_from_the_pool(folder: Path) -> None:
    writer = FramePoolWriter(folder, INFO)
    assert FramePoolReader(folder).info(writer.pool) == INFO


def test_a_reader_that_was_lapped_gets_nothing(folder: Path) -> None:
    writer, reader = FramePoolWriter(folder, INFO, slots=8), FramePoolReader(folder)
    handles = [writer.write(make_frame(index)) for index in range(20)]
    read = [reader.read(handle) for handle in handles]
    assert [frame is not None for frame in read] == [False] * 12 + [True] * 8
    assert same(read[-1], make_frame(19))


def test_a_frame_that_is_overwritten_while_it_is_read_is_not_given_out(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer, reader = FramePoolWriter(folder, INFO, slots=8), FramePoolReader(folder)
    handle = writer.write(make_frame(0))
    real = frame_pool._Layout.image
    reading = {handle.slot}

    def overtaken(layout: frame_pool._Layout, memory: mmap.mmap, slot: int, which: int) -> Uint16Image:
        if which == 1 and reading:
            reading.clear()
            for index in range(1, 9):
                writer.write(make_frame(index))
        return real(layout, memory, slot, which)

    monkeypatch.setattr(frame_pool._Layout, "image", overtaken)
    assert reader.read(handle) is None
    assert not reading


def test_a_capture_that_comes_back_makes_a_pool_of_its_own_and_the_old_one_can_still_be_read(folder: Path) -> None:
    first, reader = FramePoolWriter(folder, INFO), FramePoolReader(folder)
    old = first.write(make_frame(1))
    assert reader.read(old) is not None
    second = FramePoolWriter(folder, INFO)
    assert same(reader.read(old), make_frame(1))
    assert same(reader.read(second.write(make_frame(2))), make_frame(2))
    assert FramePoolReader(folder).read(old) is None


def test_a_reader_that_comes_back_reads_on(folder: Path) -> None:
    writer = FramePoolWriter(folder, INFO)
    handle = writer.write(make_frame(1))
    assert same(FramePoolReader(folder).read(handle), make_frame(1))


def test_a_colour_image_that_does_not_fit_is_left_out_and_counted(folder: Path) -> None:
    writer, reader = FramePoolWriter(folder, INFO), FramePoolReader(folder)
    frame = Frame(0, 0, 0, 0, None, None, bytes(200_000))
    found = reader.read(writer.write(frame))
    assert found is not None
    assert found.colour is None
    assert writer.oversized == 1


def test_an_image_of_another_size_than_the_camera_said_is_a_fault(folder: Path) -> None:
    writer = FramePoolWriter(folder, INFO)
    with pytest.raises(Broken, match="not of"):
        writer.write(Frame(0, 0, 0, 0, np.zeros((5, 5), np.uint16), None, None))


def test_shared_memory_without_room_is_named_in_a_sentence(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(Misconfigured, match=r"needs \d+ MiB of shared memory"):
        FramePoolWriter(folder, INFO)


def test_a_foreign_file_under_the_pools_name_is_not_read(folder: Path) -> None:
    writer = FramePoolWriter(folder, INFO)
    handle = writer.write(make_frame(1))
    (path,) = frame_pool.SHARED_MEMORY.glob(f"{frame_pool._prefix(folder)}*")
    path.write_bytes(b"something else" * 50_000)
    assert FramePoolReader(folder).read(handle) is None


@pytest.mark.parametrize(("rate", "slots"), [(30.0, 46), (2.0, 8), (240.0, 256)])
def test_a_pool_holds_a_second_and_a_half_within_bounds(rate: float, slots: int) -> None:
    assert pool_slots(rate, 4096) == slots


def test_a_pool_of_large_frames_holds_fewer_and_stays_below_its_bound() -> None:
    slot_bytes = 4 * 1024 * 1024 + 4096 * 3072 // 2
    assert pool_slots(15.0, slot_bytes) == 23
    assert pool_slots(30.0, slot_bytes) == frame_pool.MOST_BYTES // slot_bytes


def test_the_largest_frames_of_an_azure_kinect_go_through(folder: Path) -> None:
    camera = camera_info(15.0).model_copy(
        update={
            "depth_width": 1024,
            "depth_height": 1024,
            "colour_width": 4096,
            "colour_height": 3072,
            "frames_per_s": 15,
        }
    )
    writer, reader = FramePoolWriter(folder, PoolInfo(camera=camera, streams=list(ALL))), FramePoolReader(folder)
    (path,) = frame_pool.SHARED_MEMORY.glob(f"{frame_pool._prefix(folder)}*")
    assert path.stat().st_size <= frame_pool.MOST_BYTES + 1024 * 1024
    image = np.arange(1 << 20, dtype=np.uint32).astype(np.uint16).reshape(1024, 1024)
    frame = Frame(0, 1, 2, 3, image, image[::-1], b"\xff\xd8" + bytes(6_000_000), inertial_samples(MOST_IMU_SAMPLES))
    assert same(reader.read(writer.write(frame)), frame)


def test_a_frame_that_no_pool_can_hold_is_refused(folder: Path) -> None:
    camera = camera_info().model_copy(update={"depth_width": 8192, "depth_height": 8192})
    with pytest.raises(Misconfigured, match="256 MiB at most"):
        FramePoolWriter(folder, PoolInfo(camera=camera, streams=list(ALL)))


def test_inertial_samples_above_the_bound_are_left_out_counted_and_harm_no_other_frame(folder: Path) -> None:
    writer, reader = FramePoolWriter(folder, INFO, slots=8), FramePoolReader(folder)
    samples = inertial_samples(MOST_IMU_SAMPLES + 500)
    handles = [writer.write(make_frame(index)) for index in range(8)]
    found = reader.read(writer.write(replace(make_frame(8), imu=samples)))
    assert found is not None
    assert found.imu == samples[:MOST_IMU_SAMPLES]
    assert writer.imu_left_out == 500
    assert same(reader.read(handles[1]), make_frame(1))
