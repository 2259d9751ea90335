"""The NumPy export is what NumPy reads without help: arrays that can be mapped, one table of times, JPEG files."""

from __future__ import annotations

import io
import json
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np

from shared.export.formats import ExportFormat, write_export
from shared.frame import Frame
from tests.shared.export.excerpts import CAMERA, HEIGHT, WIDTH, excerpt_of, make_frames


def write(folder: Path, frames: list[Frame], name: str = "out") -> Path:
    write_export(excerpt_of(folder, frames), ExportFormat.numpy, folder / name, lambda *_: None)
    return folder / name


def test_each_row_of_the_times_leads_to_its_pictures(tmp_path: Path) -> None:
    frames = make_frames(7)
    frames[2] = replace(frames[2], depth=None)
    frames[5] = replace(frames[5], ir=None)
    out = write(tmp_path, frames)
    depth, ir = (np.load(out / f"{name}.npy", mmap_mode="r") for name in ("depth", "ir"))
    assert (depth.shape, ir.shape, depth.dtype) == ((6, HEIGHT, WIDTH), (6, HEIGHT, WIDTH), np.uint16)
    times = np.load(out / "times.npy")
    assert len(times) == len(frames)
    for row, frame in zip(times, frames, strict=True):
        clocks = (row["index"], row["device_ns"], row["mono_ns"], row["utc_ns"])
        assert clocks == (frame.index, frame.device_ns, frame.mono_ns, frame.utc_ns)
        for pictures, wanted, number in ((depth, frame.depth, row["depth"]), (ir, frame.ir, row["ir"])):
            assert (number == -1) == (wanted is None)
            if wanted is not None:
                assert np.array_equal(pictures[number], wanted)
        if frame.colour is None:
            assert row["colour"] == -1
        else:
            assert (out / "colour" / f"{row['colour']:06d}.jpg").read_bytes() == frame.colour


def test_inertial_samples_are_a_table(tmp_path: Path) -> None:
    frames = make_frames(3, imu=True)
    samples = np.load(write(tmp_path, frames) / "imu.npy")
    wanted = [sample for frame in frames for sample in frame.imu if sample.mono_ns >= frames[0].mono_ns]
    assert [int(row["device_ns"]) for row in samples] == [sample.device_ns for sample in wanted]
    assert np.allclose(samples["acceleration_m_s2"], [sample.acceleration_m_s2 for sample in wanted])


def test_every_file_is_explained_and_the_account_is_there(tmp_path: Path) -> None:
    out = write(tmp_path, make_frames(3, imu=True))
    words = (out / "README.txt").read_text()
    assert "For research use: no diagnosis, no alarm." in words
    for path in out.iterdir():
        assert path.name in words
    assert json.loads((out / "calibration.json").read_text()) == CAMERA.calibration
    assert json.loads((out / "export.json").read_text())["frames"] == {"colour": 1, "depth": 3, "ir": 3}


def test_as_a_zip_file_it_holds_the_same(tmp_path: Path) -> None:
    frames = make_frames(4)
    out = write(tmp_path, frames, "out.zip")
    with zipfile.ZipFile(out) as archive:
        assert archive.testzip() is None
        depth = np.load(io.BytesIO(archive.read("depth.npy")))
    assert all(np.array_equal(found, np.asarray(frame.depth)) for found, frame in zip(depth, frames, strict=True))
    assert [path.name for path in tmp_path.iterdir() if path.suffix != ".seg"] == ["out.zip"]
