"""Frames of the simulated ward rendered beforehand into files, so that a bench measures the recorder and not the simulator."""

from __future__ import annotations

import json
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edge_agent.sources.jpeg import JpegEncoder
from shared.ward import Ward, plan_demo

FRAMES_PER_S = 30
COLOUR_SIZE = (1920, 1080)
PARTS = 2


@dataclass(frozen=True, slots=True)
class Kind:
    """What is rendered: pixels of depth and infrared, colour pictures a second."""

    name: str
    width: int
    height: int
    colour_per_s: float


KINECT_V2 = Kind("kinect-v2", 512, 424, 10.0)
AZURE_NFOV = Kind("azure-nfov-unbinned", 640, 576, 10.0)


@dataclass(frozen=True)
class Rendered:
    """depth and ir: uint16 (N, H, W), read from disk as they are asked for; colours: JPEG bytes by frame number."""

    kind: Kind
    depth: npt.NDArray[np.uint16]
    ir: npt.NDArray[np.uint16]
    colours: dict[int, bytes]

    def __len__(self) -> int:
        return len(self.depth)


def render(folder: Path, kind: Kind, seconds: int, start_s: float = 20.0) -> Rendered:
    """Renders `seconds` of distinct frames into `folder`/<kind>, or opens what lies there already."""
    place = folder / f"{kind.name}-{seconds}"
    if not (place / "done.json").exists():
        place.mkdir(parents=True, exist_ok=True)
        frames = seconds * FRAMES_PER_S
        for name in ("depth", "ir"):
            np.lib.format.open_memmap(place / f"{name}.npy", "w+", np.uint16, (frames, kind.height, kind.width)).flush()
        borders = [frames * part // PARTS for part in range(PARTS + 1)]
        with ProcessPoolExecutor(PARTS) as pool:
            jobs = [
                pool.submit(_render_part, place, kind, borders[part], borders[part + 1], start_s)
                for part in range(PARTS)
            ]
            for job in jobs:
                job.result()
        (place / "done.json").write_text(json.dumps({"frames": frames}))
    return open_rendered(place, kind)


def open_rendered(place: Path, kind: Kind) -> Rendered:
    """What `render` left in a folder of its own."""
    colours = {int(path.stem): path.read_bytes() for path in sorted(place.glob("*.jpg"))}
    depth: Any = np.load(place / "depth.npy", mmap_mode="r")
    ir: Any = np.load(place / "ir.npy", mmap_mode="r")
    return Rendered(kind, depth, ir, colours)


def _render_part(place: Path, kind: Kind, first: int, last: int, start_s: float) -> None:
    ward = Ward(plan_demo(1, 1), width=kind.width, height=kind.height)
    depth = np.lib.format.open_memmap(place / "depth.npy", "r+")
    ir = np.lib.format.open_memmap(place / "ir.npy", "r+")
    jpeg = JpegEncoder(*COLOUR_SIZE)
    each = round(FRAMES_PER_S / kind.colour_per_s) if kind.colour_per_s else 0
    for number in range(first, last):
        t_s = start_s + number / FRAMES_PER_S
        scene = ward.at(t_s)
        depth[number], ir[number] = scene.depth_mm, scene.ir
        if each and number % each == 0:
            (place / f"{number}.jpg").write_bytes(jpeg.encode(ward.colour(t_s, *COLOUR_SIZE)))
