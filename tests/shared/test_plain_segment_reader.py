"""The reader for archives, written from the specification alone, gives what the agent's own reader gives."""

from __future__ import annotations

import ast
import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.clock_model import ClockModel
from shared.codec import Codec
from shared.errors import Refused
from shared.frame import Stream
from shared.segment import SegmentReader, SegmentWriter
from shared.segment_records import Opcode, image_head, record_parts
from tests.shared.codec.images import streams
from tests.shared.segments import ImageStream, header_of, write_streams

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "docs" / "contracts" / "plain_segment_reader.py"
GOLDEN = sorted((ROOT / "tests" / "golden" / "segment-v0").glob("*/*.seg"))


def load() -> Any:
    spec = importlib.util.spec_from_file_location("plain_segment_reader", SOURCE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


plain = load()
GOLDEN_IMAGES = [found["image"] for found in plain.images(GOLDEN[0])]


def assert_same_images(path: Path) -> int:
    with SegmentReader(path) as reader:
        ours = list(reader.frames())
        theirs = list(plain.images(path))
        assert len(ours) == len(theirs)
        for image, found in zip(ours, theirs, strict=True):
            assert (image.stream.value, int(image.codec), image.index) == (
                found["stream"],
                found["codec"],
                found["index"],
            )
            assert (image.device_ns, image.mono_ns, image.utc_ns) == (
                found["device_ns"],
                found["mono_ns"],
                found["utc_ns"],
            )
            if image.stream is Stream.colour:
                assert image.image() == found["image"]
            else:
                assert np.array_equal(image.pixels(), found["image"])
                assert found["image"].dtype == np.uint16
    return len(theirs)


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.parent.name)
def test_the_golden_segments_read_alike(path: Path) -> None:
    assert assert_same_images(path) == 10
    with SegmentReader(path) as reader:
        assert plain.header(path) == json.loads(reader.header.model_dump_json())
        assert list(plain.gaps(path)) == [json.loads(gap.model_dump_json()) for gap in reader.gaps()]
        for ours, theirs in zip(reader.previews(), plain.previews(path), strict=True):
            assert (ours.index, ours.mono_ns, ours.utc_ns) == (theirs["index"], theirs["mono_ns"], theirs["utc_ns"])
            assert np.array_equal(ours.ir, theirs["ir"])
            assert np.array_equal(ours.depth, theirs["depth"])
        samples = plain.imu(path)
        assert [(s.device_ns, s.mono_ns, s.temperature_c) for s in reader.imu()] == [
            (int(s["device_ns"]), int(s["mono_ns"]), float(s["temperature"])) for s in samples
        ]
        assert ClockModel.model_validate(plain.index(path)["clock"]) == reader.clock


@settings(deadline=None, max_examples=60)
@given(streams(), streams(), st.booleans())
def test_every_segment_of_any_streams_reads_alike(
    folder: Path, depth: ImageStream, ir: ImageStream, compiled: bool
) -> None:
    path = folder / "any.part"
    write_streams(path, depth, ir, compiled=compiled).close()
    assert assert_same_images(path) == len(depth) + len(ir)
    path.unlink()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("plain")


@settings(deadline=None, max_examples=25)
@given(st.data())
def test_a_cut_or_a_flipped_bit_never_gives_wrong_images(folder: Path, data: st.DataObject) -> None:
    whole = GOLDEN[0].read_bytes()
    damaged = bytearray(whole)
    bit = data.draw(st.integers(0, 8 * len(damaged) - 1))
    damaged[bit // 8] ^= 1 << bit % 8
    path = folder / "damaged"
    path.write_bytes(damaged[: data.draw(st.sampled_from([len(damaged), bit // 8]))])
    try:
        for image, found in zip(GOLDEN_IMAGES, plain.images(path), strict=False):
            assert np.array_equal(image, found["image"])
    except (plain.Damaged, ValueError):
        return


def test_pixels_that_are_not_the_recorded_ones_are_told_by_both_readers(folder: Path) -> None:
    path = folder / "wrong.part"
    writer = SegmentWriter(path, header_of())
    head = image_head(Stream.depth, Codec.raw, (4, 3), (0, 0, 0, 0), crc=1)
    writer._put(record_parts(Opcode.image, head, bytes(24)))
    writer.close()
    with pytest.raises(plain.Damaged, match="checksum"):
        list(plain.images(path))
    with SegmentReader(path) as reader, pytest.raises(Refused, match="checksum"):
        next(reader.frames()).pixels()


def test_it_lists_and_unpacks_a_segment_as_a_program(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-I", SOURCE, GOLDEN[0], "--to", tmp_path], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "sealed"
    assert len(list(tmp_path.glob("*.npy"))) == 8
    assert len(list(tmp_path.glob("*.jpg"))) == 2


def test_it_stands_alone_and_is_short() -> None:
    tree = ast.parse(SOURCE.read_text())
    names = {
        (alias.name if isinstance(node, ast.Import) else node.module or "").split(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    }
    assert names - sys.stdlib_module_names == {"numpy", "zstandard"}
    assert len(SOURCE.read_text().splitlines()) < 300
