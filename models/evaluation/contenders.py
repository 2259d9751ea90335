"""Who is on trial: a release or a baseline, under the same trigger. In: a `Contender`. Out: a fresh scorer for one recording."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from models.baselines.always_on import AlwaysOn
from models.baselines.band_power import BandPower
from models.baselines.motion_energy import MotionEnergy
from models.evaluation.watch import Scorer
from shared.detector_session import open_release
from shared.detector_stream import DetectorStream
from shared.errors import Refused
from shared.release import verify_release
from shared.trigger import TriggerRule

BASELINES: Mapping[str, Callable[[], Scorer]] = {
    BandPower.name: BandPower,
    MotionEnergy.name: MotionEnergy,
    AlwaysOn.name: AlwaysOn,
}


@dataclass(frozen=True)
class Contender:
    """A name, the rules to try (the first is its own) and, for a release, the folder where it lies."""

    name: str
    rules: tuple[TriggerRule, ...]
    folder: Path | None = None

    def open(self) -> Scorer:
        """A scorer that has seen nothing yet. Refused for a release that cannot be opened or an unknown baseline."""
        if self.folder is not None:
            return DetectorStream(*open_release(self.folder, self.name))
        if self.name not in BASELINES:
            raise Refused(f"There is no baseline {self.name}; there are {', '.join(BASELINES)}.")
        return BASELINES[self.name]()

    def identity(self) -> list[str]:
        """What must be the same for a kept result to be of this contender: name, file and rules."""
        file = verify_release(self.folder, self.name).read_bytes().hex() if self.folder else ""
        return [self.name, file, *(rule.model_dump_json() for rule in self.rules)]


def rule_of(folder: Path, name: str) -> TriggerRule:
    """The trigger in a release's card. Refused when it has none."""
    card, _ = open_release(folder, name)
    if card.trigger is None:
        raise Refused(f"Release {name} has no trigger parameters in its card.", release=name)
    return card.trigger
