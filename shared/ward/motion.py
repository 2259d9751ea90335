"""Movement with inertia and joint limits: a choreography sampled on a fixed grid, filtered, and read between grid instants.

Work is done in blocks of a second. A block is a function of its number alone, so a frame is the same whether it is made alone, in
order or in a batch; the last few blocks are kept, so that playing costs little.
"""

from collections import OrderedDict
from dataclasses import fields

import numpy as np
from numpy.typing import NDArray

from shared.ward.choreography import Choreography, Movement
from shared.ward.limits import GRID_HZ, MEMORY, with_inertia, within_limits
from shared.ward.skeleton import JOINTS

Floats = NDArray[np.float64]
BLOCK = GRID_HZ
KEPT_BLOCKS = 20


class InertMotion:
    """All motion of one night as bodies with mass make it. Same reading as `Choreography`: `at` times (n,) in seconds."""

    def __init__(self, choreography: Choreography) -> None:
        self._choreography = choreography
        self._blocks: OrderedDict[int, Movement] = OrderedDict()

    def at(self, t_s: Floats) -> Movement:
        """The movement at times (n,): linear between the two nearest of 60 instants a second."""
        place = np.mod(t_s, self._choreography.night.duration_s) * GRID_HZ
        whole = np.floor(place + 1e-6).astype(np.int64)
        share = np.clip(place - whole, 0.0, 1.0)
        parts = {number: self._block(int(number)) for number in np.unique(whole // BLOCK)}
        values = {}
        for field in fields(Movement):
            shape = getattr(parts[int(whole[0] // BLOCK)], field.name).shape[1:]
            values[field.name] = np.empty((len(place), *shape))
        for number, block in parts.items():
            rows = np.flatnonzero(whole // BLOCK == number)
            first, weight = whole[rows] - number * BLOCK, share[rows]
            for name, out in values.items():
                source = getattr(block, name)
                w = weight.reshape(-1, *[1] * (source.ndim - 1))
                out[rows] = source[first] * (1.0 - w) + source[first + 1] * w
        values["staff_stature_mm"] = np.where(values["staff_stature_mm"] > 0, self._stature(whole, parts), 0.0)
        return Movement(**values)

    def _stature(self, whole: NDArray[np.int64], parts: dict[int, Movement]) -> Floats:
        """A guest is there as a whole or not at all: the taller of the two instants, never a share of one."""
        stature = np.zeros(len(whole))
        for number, block in parts.items():
            rows = np.flatnonzero(whole // BLOCK == number)
            first = whole[rows] - number * BLOCK
            stature[rows] = np.where(block.staff_stature_mm[first + 1] > 0, block.staff_stature_mm[first], 0.0)
        return stature

    def _block(self, number: int) -> Movement:
        """Grid instants of one second and the first of the next (BLOCK + 1 of them)."""
        if number in self._blocks:
            self._blocks.move_to_end(number)
            return self._blocks[number]
        instants = np.arange(number * BLOCK - MEMORY + 1, (number + 1) * BLOCK + 1) / GRID_HZ
        duration_s = self._choreography.night.duration_s
        wished = self._choreography.at(np.clip(instants, 0.0, np.nextafter(duration_s, 0.0)))
        patient = with_inertia(wished.patient)
        patient[:, :JOINTS] = within_limits(patient[:, :JOINTS])
        rest = {f.name: getattr(wished, f.name)[MEMORY - 1 :] for f in fields(Movement) if f.name != "patient"}
        self._blocks[number] = Movement(patient=patient, **rest)
        if len(self._blocks) > KEPT_BLOCKS:
            self._blocks.popitem(last=False)
        return self._blocks[number]
