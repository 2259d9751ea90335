"""What the SDK writes into its log becomes one sentence that says what to do."""

from __future__ import annotations

import pytest

from edge_agent.sources.kinect_faults import explain
from shared.errors import DeepEpilError, Refused, Transient

LINE = "[2026-11-22 19:21:04.020] [error] [t=14075] src/dewrapper/dewrapper.c (160): {}"


@pytest.mark.parametrize(
    ("said", "family", "sentence"),
    [
        ("depth_engine_start_helper(). Depth engine create and initialize failed with error code: 204.", Transient, "xvfb-run"),
        ("depth_engine_start_helper(). Depth engine create and initialize failed with error code: 207.", Transient, "error 207"),
        ("deloader_init_once(). Failed to load depth engine plugin", Refused, "libdepthengine"),
        (
            "Firmware version for RGB is 1.5.92 is not current enough. Use 1.6.98 or newer.", Refused,
            "RGB 1.5.92 is too old for this SDK: update it to 1.6.98",
        ),
        ("libusb device(s) are all unavalable. Is the device being used by another application?", Transient, "another program"),
        ("Failure to detect presence of sync in cable with wired sync mode", Transient, "sync-in jack"),
        ("LIBUSB_ERROR_ACCESS", Transient, "udev rules"),
        ("A streaming depth transfer failed", Transient, "stopped sending depth data"),
        ("Error calling libusb_bulk_transfer for tx, result:LIBUSB_ERROR_NO_DEVICE", Transient, "unplugged"),
        ("something new", Transient, "It does not open."),
    ],
)  # fmt: skip
def test_each_known_message_has_its_sentence(said: str, family: type[DeepEpilError], sentence: str) -> None:
    error = explain("an older line\n" + LINE.format(said), "It does not open.")
    assert type(error) is family
    assert sentence in error.sentence
    assert said in str(error.facts["sdk"])
