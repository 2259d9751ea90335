"""Frames from capture to recorder through shared memory: the writer never waits, a reader that was lapped knows it.

Each slot carries a generation: odd while it is written, even when whole. A reader copies and looks again (a sequence lock).
Each opening of the camera makes a pool of its own, so that either side may end and come back at any time.
A pool is bounded: 1.5 s of frames, or fewer where that would be more than 256 MiB; a Kinect v2 bed takes 90 MiB, an Azure Kinect
at 1024×1024 with 4096×3072 colour 230 MiB.
"""

from __future__ import annotations

import mmap
import os
import secrets
import struct
from pathlib import Path
from typing import Annotated

import numpy as np
import numpy.typing as npt
from pydantic import Field

from edge_agent.bus import folder_hash
from edge_agent.bus_messages import FrameHandle
from shared.contract import Contract, read_contract
from shared.errors import Broken, Misconfigured, Refused
from shared.frame import CameraInfo, Frame, Stream, Uint16Image
from shared.imu import ImuSample
from shared.segment_records import IMU_SAMPLE, imu_payload, read_imu

SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - POSIX shared memory has its fixed place on Linux
HOLDS_S = 1.5
LEAST_SLOTS = 8
MOST_SLOTS = 256
MOST_BYTES = 256 * 1024 * 1024
MOST_IMU_SAMPLES = 512
"""A frame's inertial samples; the Azure Kinect has 54 at 30 frames a second, 320 at 5. Those above are left out and counted."""
_MAGIC = b"DEPOOL1\n"
_HEAD = struct.Struct("<8sII")
_HEAD_BYTES = 512 * 1024
_PAGE = 4096
_COLOUR_BYTES_PER_PIXEL = 0.5
_LEAST_COLOUR_BYTES = 64 * 1024
_IMU_BYTES = MOST_IMU_SAMPLES * IMU_SAMPLE.size


class PoolInfo(Contract):
    """What the reader must know of the frames: the camera and the streams that it gives."""

    camera: CameraInfo
    streams: Annotated[list[Stream], Field(min_length=1, max_length=3)]


class _Layout:
    """Where things lie in the shared memory: head, generations, slots of depth, ir, colour and imu."""

    def __init__(self, camera: CameraInfo, slots: int | None = None) -> None:
        self.shape = (camera.depth_height, camera.depth_width)
        self.image_bytes = 2 * camera.depth_width * camera.depth_height
        pixels = camera.colour_width * camera.colour_height
        self.colour_bytes = max(_LEAST_COLOUR_BYTES, int(pixels * _COLOUR_BYTES_PER_PIXEL)) if pixels else 0
        self.slot_bytes = -(-(2 * self.image_bytes + self.colour_bytes + _IMU_BYTES) // _PAGE) * _PAGE
        self.slots = slots or pool_slots(camera.frames_per_s, self.slot_bytes)
        self.generations_at = _HEAD_BYTES
        self.slots_at = _HEAD_BYTES + -(-8 * self.slots // _PAGE) * _PAGE
        self.total_bytes = self.slots_at + self.slots * self.slot_bytes

    def generations(self, memory: mmap.mmap) -> npt.NDArray[np.uint64]:
        return np.frombuffer(memory, np.uint64, self.slots, self.generations_at)

    def image(self, memory: mmap.mmap, slot: int, which: int) -> Uint16Image:
        at = self.slots_at + slot * self.slot_bytes + which * self.image_bytes
        return np.frombuffer(memory, np.uint16, self.image_bytes // 2, at).reshape(self.shape)

    def colour_at(self, slot: int) -> int:
        return self.slots_at + slot * self.slot_bytes + 2 * self.image_bytes

    def imu_at(self, slot: int) -> int:
        return self.colour_at(slot) + self.colour_bytes


def pool_slots(frames_per_s: float, slot_bytes: int) -> int:
    """Slots for about 1.5 s of frames, as far as they fit into 256 MiB; never fewer than 8."""
    fitting = MOST_BYTES // slot_bytes
    return max(LEAST_SLOTS, min(MOST_SLOTS, fitting, round(frames_per_s * HOLDS_S) + 1))


def _prefix(folder: Path) -> str:
    return f"deepepil-{folder_hash(folder)}-"


def remove_pools(folder: Path, but: int | None = None) -> None:
    """Unlinks the pools of a bed's folder that an earlier capture left; who reads one now keeps it."""
    for path in SHARED_MEMORY.glob(_prefix(folder) + "*"):
        if but is None or path.name != f"{_prefix(folder)}{but:016x}":
            path.unlink(missing_ok=True)


class FramePoolWriter:
    """Capture's side. Raises Misconfigured when the shared memory has no room."""

    def __init__(self, folder: Path, info: PoolInfo, slots: int | None = None) -> None:
        self._folder = folder
        self._layout = _Layout(info.camera, slots)
        self.pool = secrets.randbits(63)
        self.oversized = 0
        """Colour images that were left out because they did not fit."""
        self.imu_left_out = 0
        self._count = 0
        self._memory = self._create(info)
        self._generations = self._layout.generations(self._memory)
        remove_pools(folder, but=self.pool)

    def _create(self, info: PoolInfo) -> mmap.mmap:
        text = info.model_dump_json().encode()
        if _HEAD.size + len(text) > _HEAD_BYTES:
            raise Misconfigured("The camera's calibration is too long for the frame pool.", size_bytes=len(text))
        if LEAST_SLOTS * self._layout.slot_bytes > MOST_BYTES:
            raise Misconfigured(
                f"One frame of this camera takes {self._layout.slot_bytes >> 20} MiB; the frame pool holds {LEAST_SLOTS} of them "
                f"in {MOST_BYTES >> 20} MiB at most."
            )
        path = SHARED_MEMORY / f"{_prefix(self._folder)}{self.pool:016x}"
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            os.posix_fallocate(descriptor, 0, self._layout.total_bytes)
            memory = mmap.mmap(descriptor, self._layout.total_bytes)
        except OSError as error:
            path.unlink()
            raise Misconfigured(
                f"The frame pool needs {self._layout.total_bytes >> 20} MiB of shared memory in {SHARED_MEMORY}: "
                f"{error.strerror}."
            ) from error
        finally:
            os.close(descriptor)
        memory[: _HEAD.size] = _HEAD.pack(_MAGIC, self._layout.slots, len(text))
        memory[_HEAD.size : _HEAD.size + len(text)] = text
        return memory

    def write(self, frame: Frame) -> FrameHandle:
        """Copies the frame into the next slot, over the oldest frame there."""
        slot = self._count % self._layout.slots
        self._count += 1
        generation = 2 * self._count
        self._generations[slot] = generation - 1
        sizes = [self._put(slot, which, image) for which, image in enumerate((frame.depth, frame.ir))]
        colour_bytes = self._put_colour(slot, frame.colour)
        imu_bytes = self._put_imu(slot, frame.imu)
        self._generations[slot] = generation
        return FrameHandle(
            self.pool, slot, generation, self._count, frame.index, frame.device_ns, frame.mono_ns, frame.utc_ns,
            *sizes[0], *sizes[1], colour_bytes, imu_bytes,
        )  # fmt: skip

    def _put(self, slot: int, which: int, image: Uint16Image | None) -> tuple[int, int]:
        if image is None:
            return 0, 0
        if image.shape != self._layout.shape or image.dtype != np.uint16:
            raise Broken(f"The source gave an image of {image.shape}, not of {self._layout.shape} as it said.")
        self._layout.image(self._memory, slot, which)[...] = image
        return image.shape[1], image.shape[0]

    def _put_colour(self, slot: int, colour: bytes | None) -> int:
        if colour is None:
            return 0
        if len(colour) > self._layout.colour_bytes:
            self.oversized += 1
            return 0
        at = self._layout.colour_at(slot)
        self._memory[at : at + len(colour)] = colour
        return len(colour)

    def _put_imu(self, slot: int, samples: tuple[ImuSample, ...]) -> int:
        if not samples:
            return 0
        self.imu_left_out += max(0, len(samples) - MOST_IMU_SAMPLES)
        payload = imu_payload(samples[:MOST_IMU_SAMPLES])
        at = self._layout.imu_at(slot)
        self._memory[at : at + len(payload)] = payload
        return len(payload)

    def close(self) -> None:
        """Unlinks the pool; a reader that has it open may still read."""
        remove_pools(self._folder)


def _samples(payload: bytes) -> tuple[ImuSample, ...]:
    return tuple(read_imu(payload)) if payload else ()


class FramePoolReader:
    """The recorder's side; follows capture from pool to pool."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._pool: int | None = None
        self._info: PoolInfo | None = None
        self._memory: mmap.mmap | None = None
        self._layout: _Layout | None = None
        self._generations: npt.NDArray[np.uint64] | None = None

    def info(self, pool: int) -> PoolInfo | None:
        """What the pool says of its camera, or None when the pool is gone already."""
        self._follow(pool)
        return self._info

    def read(self, handle: FrameHandle) -> Frame | None:
        """A copy of the frame, or None when its slot was written again before it was read."""
        self._follow(handle.pool)
        layout, memory, generations = self._layout, self._memory, self._generations
        if layout is None or memory is None or generations is None or handle.slot >= layout.slots:
            return None
        if int(generations[handle.slot]) != handle.generation:
            return None
        depth = layout.image(memory, handle.slot, 0).copy() if handle.depth_width else None
        ir = layout.image(memory, handle.slot, 1).copy() if handle.ir_width else None
        at = layout.colour_at(handle.slot)
        colour = memory[at : at + min(handle.colour_bytes, layout.colour_bytes)] if handle.colour_bytes else None
        at = layout.imu_at(handle.slot)
        imu = memory[at : at + min(handle.imu_bytes, _IMU_BYTES)]
        if int(generations[handle.slot]) != handle.generation:
            return None
        return Frame(handle.index, handle.device_ns, handle.mono_ns, handle.utc_ns, depth, ir, colour, _samples(imu))

    def _follow(self, pool: int) -> None:
        if pool == self._pool:
            return
        self._pool, self._info, self._memory, self._layout, self._generations = pool, None, None, None, None
        path = SHARED_MEMORY / f"{_prefix(self._folder)}{pool:016x}"
        try:
            with path.open("rb") as file:
                memory = mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ)
        except (OSError, ValueError):
            return
        magic, slots, length = _HEAD.unpack(memory[: _HEAD.size])
        try:
            info = read_contract(PoolInfo, memory[_HEAD.size : _HEAD.size + length])
        except Refused:
            return
        layout = _Layout(info.camera, slots)
        if magic == _MAGIC and layout.total_bytes == len(memory):
            self._info, self._memory, self._layout = info, memory, layout
            self._generations = layout.generations(memory)
