"""The modes of an Azure Kinect (and of an Orbbec Femto Bolt): sizes, highest rates, and the numbers the SDK knows them by.

Source of the figures: the SDK's hardware specification and its header `k4atypes.h`.
"""

from __future__ import annotations

from dataclasses import dataclass

RATES = {5: 0, 15: 1, 30: 2}
"""Frames a second, and the SDK's number for each."""


@dataclass(frozen=True, slots=True)
class Mode:
    """One mode of a sensor: pixels, the highest rate it reaches, the SDK's number, the recorder's word."""

    width: int
    height: int
    most_per_s: int
    number: int
    word: str


DEPTH_MODES = {
    "nfov_2x2binned": Mode(320, 288, 30, 1, "NFOV_2X2BINNED"),
    "nfov_unbinned": Mode(640, 576, 30, 2, "NFOV_UNBINNED"),
    "wfov_2x2binned": Mode(512, 512, 30, 3, "WFOV_2X2BINNED"),
    "wfov_unbinned": Mode(1024, 1024, 15, 4, "WFOV_UNBINNED"),
    "passive_ir": Mode(1024, 1024, 30, 5, "PASSIVE_IR"),
}
COLOUR_MODES = {
    "off": Mode(0, 0, 30, 0, "OFF"),
    "720p": Mode(1280, 720, 30, 1, "MJPG_720P"),
    "1080p": Mode(1920, 1080, 30, 2, "MJPG_1080P"),
    "1440p": Mode(2560, 1440, 30, 3, "MJPG_1440P"),
    "1536p": Mode(2048, 1536, 30, 4, "MJPG_1536P"),
    "2160p": Mode(3840, 2160, 30, 5, "MJPG_2160P"),
    "3072p": Mode(4096, 3072, 15, 6, "MJPG_3072P"),
}
SYNC_MODES = {"standalone": 0, "master": 1, "subordinate": 2}
