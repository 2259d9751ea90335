"""A settings file is right, or refused in one sentence that names the setting."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_agent.settings import is_loopback, load_settings
from shared.errors import Misconfigured
from shared.lane import COLOUR_APART, TOGETHER, Lane

WHOLE = """
[bed]
site = "north"
bed = "bed-4"
[storage]
folder = "data"
max_bytes = 1_000_000_000
[source]
kind = "simulator"
[detector]
releases_folder = "releases"
release = "detector-v0"
[mqtt]
host = "127.0.0.1"
[cloud]
url = "http://localhost:8000/"
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "bed.toml"
    path.write_text(text)
    return path


def test_a_small_file_is_enough_and_paths_count_from_its_folder(tmp_path: Path) -> None:
    settings = load_settings(write(tmp_path, WHOLE))
    assert settings.storage.folder == tmp_path / "data"
    assert settings.storage.max_hours == 72
    assert settings.cloud.url == "http://localhost:8000"
    assert settings.upload.rate_bytes_per_s == 0
    assert settings.mqtt.plain


@pytest.mark.parametrize(
    ("line", "lanes"),
    [
        ("", TOGETHER),
        ("colour_hours = 72", TOGETHER),
        ("colour_hours = 24", COLOUR_APART),
        ("colour_hours = 0", COLOUR_APART),
    ],
)
def test_colour_lies_apart_only_where_it_is_kept_for_less_than_the_rest(
    tmp_path: Path, line: str, lanes: tuple[Lane, ...]
) -> None:
    settings = load_settings(write(tmp_path, WHOLE.replace("1_000_000_000", f"1_000_000_000\n{line}")))
    assert settings.storage.lanes == lanes


@pytest.mark.parametrize(
    ("old", "new", "names"),
    [
        ('bed = "bed-4"', 'bed = "bed-4"\ncolour = 1', "bed.colour is not a known setting"),
        ("[cloud]", "[clouds]\nx = 1\n[cloud]", "clouds is not a known setting"),
        ('site = "north"', "", "bed.site is missing"),
        ('site = "north"', 'site = "North Wing"', "bed.site"),
        ("1_000_000_000", '"1 GB"', "storage.max_bytes"),
        ("1_000_000_000", "1000", "storage.max_bytes"),
        ("1_000_000_000", "1e9", "storage.max_bytes"),
        ("1_000_000_000", "1_000_000_000\nmax_hours = nan", "storage.max_hours"),
        (
            "1_000_000_000",
            "1_000_000_000\nmax_hours = 24\ncolour_hours = 24.5",
            "colour_hours must be at most max_hours",
        ),
        ("1_000_000_000", "1_000_000_000\nreserve_bytes = -1", "storage.reserve_bytes"),
        ('folder = "data"', "folder = 7", "storage.folder"),
        ('"simulator"', '"webcam"', "source.kind"),
        ('"simulator"', '"mkv_playback"', "needs the setting file"),
        ('"simulator"', '"simulator"\nwidth = 64', "source.width"),
        ('"simulator"', '"simulator"\ncolour_per_s = 60', "colour_per_s must not be above frames_per_s"),
        ('"simulator"', '"simulator"\nloop = "yes"', "source.loop"),
        ('release = "detector-v0"', 'release = "../etc"', "detector.release"),
        ('host = "127.0.0.1"', 'host = "broker.example"', "refused unless the host is this machine"),
        ('host = "127.0.0.1"', 'host = "127.0.0.1"\nca_file = "ca.pem"', "go together"),
        ('host = "127.0.0.1"', 'host = "127.0.0.1"\nport = 70000', "mqtt.port"),
        ("http://localhost:8000/", "ftp://localhost", "cloud.url"),
        ("http://localhost:8000/", "http://cloud.example", "refused unless the host is this machine"),
    ],
)
def test_a_wrong_setting_is_named(tmp_path: Path, old: str, new: str, names: str) -> None:
    assert old in WHOLE
    with pytest.raises(Misconfigured) as refusal:
        load_settings(write(tmp_path, WHOLE.replace(old, new, 1)))
    assert names in refusal.value.sentence
    assert "\n" not in refusal.value.sentence
    assert refusal.value.exit_code == 78


@pytest.mark.parametrize(
    ("source", "kinect", "names"),
    [
        ("frames_per_s = 25.0", "", "frames_per_s must be 5, 15 or 30 with an Azure Kinect, not 25"),
        ("", 'depth_mode = "wfov_unbinned"', "kinect.depth_mode wfov_unbinned reaches 15 frames_per_s at most"),
        ("", 'colour_mode = "3072p"', "kinect.colour_mode 3072p reaches 15 frames_per_s at most"),
        ("", 'depth_mode = "narrow"', "kinect.depth_mode must be one of"),
        ("", 'colour_mode = "4k"', "kinect.colour_mode must be one of"),
        ("", "exposure_us = 40000", "kinect.exposure_us must be 0 (automatic) or from 500 to 33333 at 30 frames_per_s"),
        ("", "exposure_us = 100", "kinect.exposure_us"),
        ("", "white_balance_k = 900", "kinect.white_balance_k"),
        ("", "gain = 256", "source.kinect.gain"),
        ("", "powerline_hz = 55", "source.kinect.powerline_hz"),
        ("", "depth_delay_us = -40000", "kinect.depth_delay_us must not exceed one frame"),
        ("colour_per_s = 0.0", "depth_delay_us = 100", "kinect.depth_delay_us needs the colour camera"),
        ("", "subordinate_delay_us = 5", 'for sync = "subordinate" alone'),
        ("", 'sync = "subordinate"\nsubordinate_delay_us = 40000', "must not exceed one frame"),
        ("colour_per_s = 0.0", 'sync = "master"', "needs the colour camera"),
        ("", "serial_number = 7", "source.kinect.serial_number is not a known setting"),
    ],
)
def test_what_an_azure_kinect_cannot_do_is_refused(tmp_path: Path, source: str, kinect: str, names: str) -> None:
    text = WHOLE.replace('kind = "simulator"', f'kind = "azure_kinect"\n{source}\n[source.kinect]\n{kinect}')
    with pytest.raises(Misconfigured) as refusal:
        load_settings(write(tmp_path, text))
    assert names in refusal.value.sentence
    assert "\n" not in refusal.value.sentence


def test_the_largest_modes_of_an_azure_kinect_go_with_15_frames(tmp_path: Path) -> None:
    kinect = 'kind = "azure_kinect"\nframes_per_s = 15.0\n[source.kinect]\ndepth_mode = "wfov_unbinned"\ncolour_mode = "3072p"'
    settings = load_settings(write(tmp_path, WHOLE.replace('kind = "simulator"', kinect)))
    assert settings.source.kinect.depth_mode == "wfov_unbinned"


def test_the_section_of_the_kinect_is_for_the_kinect_alone(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="the section kinect is for kind"):
        load_settings(write(tmp_path, WHOLE.replace('kind = "simulator"', 'kind = "simulator"\nkinect.gain = 9')))


def test_certificates_allow_another_host(tmp_path: Path) -> None:
    files = 'host = "broker.example"\nca_file = "ca.pem"\ncertificate_file = "/etc/bed.pem"\nkey_file = "bed.key"'
    settings = load_settings(write(tmp_path, WHOLE.replace('host = "127.0.0.1"', files)))
    assert settings.mqtt.ca_file == tmp_path / "ca.pem"
    assert settings.mqtt.certificate_file == Path("/etc/bed.pem")
    assert not settings.mqtt.plain


@pytest.mark.parametrize("text", ["[bed", "a = ", "[bed]\n[bed]", "\xff"])
def test_what_is_not_toml_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "bed.toml"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(Misconfigured, match="is not TOML"):
        load_settings(path)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="cannot be read"):
        load_settings(tmp_path / "none.toml")


@pytest.mark.parametrize(
    ("host", "answer"), [("localhost", True), ("127.0.0.9", True), ("::1", True), ("10.0.0.1", False), ("local", False)]
)
def test_only_this_machine_is_loopback(host: str, answer: bool) -> None:
    assert is_loopback(host) is answer
