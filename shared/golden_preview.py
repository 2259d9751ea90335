"""The golden preview: twelve seconds of made-up previews, the same on every machine, on which a detector proves itself before it runs."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from statistics import median

import numpy as np
import numpy.typing as npt

from shared.clock import NS_PER_MS
from shared.detector_stream import DetectorStream, RunStep
from shared.errors import Refused
from shared.preview import PREVIEW_FPS, PREVIEW_HEIGHT, PREVIEW_PERIOD_NS, PREVIEW_WIDTH, Preview
from shared.release import ReleaseCard

SECONDS = 12
STEP_BUDGET_NS = 60 * NS_PER_MS
"""CPU time of one step, three a second; the shipped detector takes about 0.2 ms on a server's core."""
TOLERANCE = 0.02
"""Between a score here and the one on the card: other processors round otherwise."""
Floats = npt.NDArray[np.float32]
Timer = Callable[[], int]


def golden_previews(start_ns: int = PREVIEW_PERIOD_NS) -> Iterator[Preview]:
    """A bright limb that beats at 3 Hz over a sloping bed; uint8 (106, 128), 15 a second. Whole numbers alone make it."""
    rows, columns = np.indices((PREVIEW_HEIGHT, PREVIEW_WIDTH))
    bed = (40 + rows // 2).astype(np.uint8)
    for index in range(SECONDS * PREVIEW_FPS):
        ir, depth = bed.copy(), (bed + 60).astype(np.uint8)
        at = 60 + (0, 7, 12, 7, 0)[index % 5]
        limb = (abs(rows - 50) < 12) & (abs(columns - at) < 16)
        ir[limb], depth[limb] = 190, 80
        now_ns = start_ns + index * PREVIEW_PERIOD_NS
        yield Preview(index, now_ns, now_ns, ir, depth)


def prove(card: ReleaseCard, step: RunStep, timer: Timer = time.thread_time_ns) -> list[float]:
    """Runs the golden preview. Returns its scores. Raises Refused, naming the release and what failed.

    Failed: no score, a step that gives no number, other scores than the card's, or steps that take more than the budget.
    """
    spent: list[int] = []

    def timed(feeds: dict[str, Floats]) -> Mapping[str, Floats]:
        began = timer()
        try:
            return step(feeds)
        finally:
            spent.append(timer() - began)

    stream = DetectorStream(card, timed)
    scores = [score.value for preview in golden_previews() for score in stream.push(preview)]
    if not scores or stream.broken_steps:
        raise Refused(f"Release {card.name}: on the golden preview {stream.broken_steps} steps gave no number.")
    if card.golden is not None and not agree(scores, card.golden):
        raise Refused(f"Release {card.name}: its scores on the golden preview are not those of its card.")
    must_keep_budget(card.name, spent)
    return scores


def agree(scores: list[float], golden: tuple[float, ...]) -> bool:
    """Whether there are as many, each within the tolerance."""
    near = all(abs(one - other) <= TOLERANCE for one, other in zip(scores, golden, strict=False))
    return len(scores) == len(golden) and near


def must_keep_budget(name: str, spent_ns: list[int]) -> None:
    """Raises Refused when half of the steps take longer than a bed can give them."""
    taken = median(spent_ns)
    if taken > STEP_BUDGET_NS:
        raise Refused(
            f"Release {name}: one step takes {taken / NS_PER_MS:.0f} ms of a core; a bed gives it {STEP_BUDGET_NS // NS_PER_MS} ms."
        )
