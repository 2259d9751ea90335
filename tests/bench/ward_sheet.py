"""A contact sheet of the second ward: each deed once, infrared beside depth. In: a path. Out: a PNG to look at.

python -m tests.bench.ward_sheet docs/screens/ward.png
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from shared.preview import ir_to_u8
from shared.ward import Deed, Episode, Ward
from shared.ward.deeds import FIRST_DEEDS
from shared.ward.stage import Placement, Stage, StagedNight

WIDTH, HEIGHT = 144, 119
COLUMNS = 5
AT_S = {Deed.leaving_bed: 9.0, Deed.turning: 4.0, Deed.walk_through: 6.0, Deed.camera_knock: 0.15, Deed.visit: 25.0}
NEAR_MM, FAR_MM = 900.0, 3300.0
LABEL_PX = 13


def picture_of(deed: Deed, number: int) -> npt.NDArray[np.uint8]:
    """One deed (H, 2 W): infrared left, depth right, near white."""
    places = list(Placement)
    length = 34.0
    night = StagedNight(
        40 + number, 3, 120.0, (Episode(deed, 30.0, length),), Stage(places[number % len(places)], 22.0, number)
    )
    scene = Ward(night, width=WIDTH, height=HEIGHT).at(30.0 + AT_S.get(deed, 0.5 * length))
    depth = np.clip(255.0 * (FAR_MM - scene.depth_mm.astype(float)) / (FAR_MM - NEAR_MM), 0.0, 255.0)
    depth[scene.depth_mm == 0] = 0.0
    return np.concatenate([ir_to_u8(scene.ir), depth.astype(np.uint8)], axis=1)


def sheet() -> Image.Image:
    """All deeds but sleep: the first ward's and the second's, over the four placements of the camera."""
    deeds = [deed for deed in Deed if deed not in {Deed.sleep, Deed.lights_on}]
    rows = -(-len(deeds) // COLUMNS)
    page = Image.new("L", (COLUMNS * (2 * WIDTH + 6), rows * (HEIGHT + LABEL_PX + 4)), 255)
    pen = ImageDraw.Draw(page)
    for number, deed in enumerate(deeds):
        x, y = number % COLUMNS * (2 * WIDTH + 6), number // COLUMNS * (HEIGHT + LABEL_PX + 4)
        pen.text(
            (x + 2, y), f"{deed.value}{'' if deed in FIRST_DEEDS else ' *'}, {list(Placement)[number % 4].value}", 0
        )
        page.paste(Image.fromarray(picture_of(deed, number)), (x, y + LABEL_PX))
    return page


if __name__ == "__main__":
    sheet().save(Path(sys.argv[1]), optimize=True)
