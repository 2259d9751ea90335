"""The simulated ward: a camera source at the bed and a data source in training. Not validated against recordings of people."""

from shared.ward.camera import KINECT_V2, CameraModel
from shared.ward.course import RATES, plan_ordinary_night, plan_stress_night
from shared.ward.deeds import CONFOUNDERS, FIRST_DEEDS, PAROXYSMS, SEIZURES, Deed, Episode
from shared.ward.night import Night, plan_demo, plan_night
from shared.ward.patient import Patient, Syndrome, patient_of
from shared.ward.previews import ward_previews
from shared.ward.stage import Placement, Stage, StagedNight
from shared.ward.ward import Scene, Ward

__all__ = [
    "CONFOUNDERS",
    "FIRST_DEEDS",
    "KINECT_V2",
    "PAROXYSMS",
    "RATES",
    "SEIZURES",
    "CameraModel",
    "Deed",
    "Episode",
    "Night",
    "Patient",
    "Placement",
    "Scene",
    "Stage",
    "StagedNight",
    "Syndrome",
    "Ward",
    "patient_of",
    "plan_demo",
    "plan_night",
    "plan_ordinary_night",
    "plan_stress_night",
    "ward_previews",
]
