"""The words of the ward: what a patient or the staff can be doing, and which of it the detector shall find."""

from dataclasses import dataclass
from enum import StrEnum


class Deed(StrEnum):
    """One kind of thing that happens in a bed; between episodes the patient sleeps."""

    sleep = "sleep"
    turning = "turning"
    sitting_up = "sitting_up"
    eating = "eating"
    phone = "phone"
    scratching = "scratching"
    coughing = "coughing"
    tooth_brushing = "tooth_brushing"
    shivering = "shivering"
    leg_twitches = "leg_twitches"
    sawing = "sawing"
    staff_care = "staff_care"
    walk_through = "walk_through"
    bed_making = "bed_making"
    focal_to_bilateral_tonic_clonic = "focal_to_bilateral_tonic_clonic"
    hypermotor = "hypermotor"
    automotor = "automotor"
    tonic = "tonic"
    psychogenic = "psychogenic"
    versive = "versive"
    myoclonic_series = "myoclonic_series"
    hypomotor_arrest = "hypomotor_arrest"
    focal_clonic = "focal_clonic"
    rocking = "rocking"
    exercises = "exercises"
    chest_physiotherapy = "chest_physiotherapy"
    leaving_bed = "leaving_bed"
    visit = "visit"
    torch_check = "torch_check"
    lights_on = "lights_on"
    camera_knock = "camera_knock"


FIRST_DEEDS = frozenset(list(Deed)[: list(Deed).index(Deed.versive)])
"""The deeds of the first ward: all that `detector-v0` was taught, and all that `plan_night` and `plan_demo` draw."""

SEIZURES = frozenset(
    {Deed.focal_to_bilateral_tonic_clonic, Deed.hypermotor, Deed.automotor, Deed.tonic}
    | {Deed.versive, Deed.myoclonic_series, Deed.hypomotor_arrest, Deed.focal_clonic}
)
PAROXYSMS = SEIZURES | {Deed.psychogenic}
CONFOUNDERS = frozenset(Deed) - PAROXYSMS - {Deed.sleep}
ROOM_DEEDS = frozenset({Deed.lights_on, Deed.camera_knock})
"""What happens to the room and the camera, not to a body."""


@dataclass(frozen=True)
class Episode:
    """One deed with its span in seconds from the start of the night. For a seizure the span is the ictal one."""

    deed: Deed
    start_s: float
    duration_s: float

    @property
    def end_s(self) -> float:
        """The first second after the episode."""
        return self.start_s + self.duration_s
