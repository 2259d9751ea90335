"""The one TOML file of a bed's agent, strictly typed: an unknown key or a wrong value is an error that names it.

Each setting is explained in docs/operations/settings.md. Relative paths count from the folder of the file.
"""

from __future__ import annotations

import hashlib
import ipaddress
import tomllib
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PrivateAttr,
    ValidationError,
    ValidationInfo,
    model_validator,
)

from edge_agent.ring.promise import Limits
from edge_agent.sources.kinect_modes import COLOUR_MODES, DEPTH_MODES, RATES
from shared.errors import Misconfigured
from shared.ids import BedName, ReleaseName, SiteName
from shared.lane import COLOUR_APART, TOGETHER, Lane
from shared.live_view import MOST_VIEWERS
from shared.preview import PREVIEW_HEIGHT, PREVIEW_WIDTH

MIB = 1024 * 1024
SLOWEST_UPLOAD = 16 * 1024
"""Bytes a second: below it the cloud would take the bed for gone."""


def _as_path(value: object, info: ValidationInfo) -> object:
    if not isinstance(value, str) or not value:
        return value if isinstance(value, Path) else ""
    base = (info.context or {}).get("base", Path.cwd())
    return (Path(base) / Path(value).expanduser()).resolve()


def _is_http(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("must be an http:// or https:// address")
    return url.rstrip("/")


def _is_rate(rate: int) -> int:
    if 0 < rate < SLOWEST_UPLOAD:
        raise ValueError(f"must be 0 (as fast as the line) or at least {SLOWEST_UPLOAD} bytes a second")
    return rate


FilePath = Annotated[Path, BeforeValidator(_as_path)]
HttpUrl = Annotated[str, AfterValidator(_is_http)]
TimeOfDay = Annotated[str, Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")]
UploadRate = Annotated[int, Field(ge=0), AfterValidator(_is_rate)]


class Section(BaseModel):
    """Base of all sections: strict types, unknown keys refused, immutable."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class BedSettings(Section):
    """Which bed this box films."""

    site: SiteName
    bed: BedName


class StorageSettings(Section):
    """Where the ring lies and how large it may grow."""

    folder: FilePath
    max_bytes: int = Field(ge=16 * MIB)
    max_hours: float = Field(default=72.0, gt=0, le=24 * 90)
    colour_hours: float | None = Field(default=None, ge=0)
    reserve_bytes: int = Field(default=1024 * MIB, ge=MIB)
    own_disk: bool = False
    scrub_bytes_per_s: int = Field(default=4 * MIB, ge=0, le=1024 * MIB)

    @model_validator(mode="after")
    def _colour_leaves_first(self) -> StorageSettings:
        if self.colour_hours is not None and self.colour_hours > self.max_hours:
            raise ValueError(f"colour_hours must be at most max_hours ({self.max_hours:g}), not {self.colour_hours:g}")
        return self

    @property
    def colour_apart(self) -> bool:
        """Whether colour is kept for a shorter time than the rest, and so lies in files of its own."""
        return self.colour_hours is not None and self.colour_hours < self.max_hours

    @property
    def lanes(self) -> tuple[Lane, ...]:
        """What files a segment is made of."""
        return COLOUR_APART if self.colour_apart else TOGETHER

    @property
    def limits(self) -> Limits:
        """How large and how old the ring may be."""
        return Limits(self.max_bytes, self.max_hours, self.reserve_bytes, self.colour_hours)


class KinectSettings(Section):
    """How the Azure Kinect is set; a value that is not given is the camera's own default."""

    serial: str = Field(default="", max_length=32)
    depth_mode: str = "nfov_unbinned"
    colour_mode: str = "1080p"
    imu: bool = True
    exposure_us: int = Field(default=0, ge=0, le=200_000)
    white_balance_k: int = Field(default=0, ge=0, le=12_500)
    gain: int | None = Field(default=None, ge=0, le=255)
    brightness: int | None = Field(default=None, ge=0, le=255)
    contrast: int | None = Field(default=None, ge=0, le=10)
    saturation: int | None = Field(default=None, ge=0, le=63)
    sharpness: int | None = Field(default=None, ge=0, le=4)
    backlight_compensation: int | None = Field(default=None, ge=0, le=1)
    powerline_hz: Literal[50, 60] = 50
    depth_delay_us: int = 0
    sync: Literal["standalone", "master", "subordinate"] = "standalone"
    subordinate_delay_us: int = Field(default=0, ge=0)
    status_light: bool = True

    def refuse_for(self, frames_per_s: float) -> None:
        """Raises ValueError, naming the setting, for what the camera cannot do at that rate."""
        if frames_per_s not in RATES:
            raise ValueError(f"frames_per_s must be 5, 15 or 30 with an Azure Kinect, not {frames_per_s:g}")
        for name, value, modes in (
            ("depth_mode", self.depth_mode, DEPTH_MODES), ("colour_mode", self.colour_mode, COLOUR_MODES),
        ):  # fmt: skip
            if value not in modes:
                raise ValueError(f"kinect.{name} must be one of {', '.join(modes)}, not {value}")
            if frames_per_s > modes[value].most_per_s:
                raise ValueError(f"kinect.{name} {value} reaches {modes[value].most_per_s} frames_per_s at most")
        period_us = 1e6 / frames_per_s
        if self.exposure_us and not 500 <= self.exposure_us <= period_us:
            raise ValueError(
                f"kinect.exposure_us must be 0 (automatic) or from 500 to {period_us:.0f} at {frames_per_s:g} frames_per_s"
            )
        if self.white_balance_k and self.white_balance_k < 2500:
            raise ValueError("kinect.white_balance_k must be 0 (automatic) or from 2500 to 12500")
        if abs(self.depth_delay_us) > period_us:
            raise ValueError(
                f"kinect.depth_delay_us must not exceed one frame, {period_us:.0f} at {frames_per_s:g} frames_per_s"
            )
        if self.depth_delay_us and self.colour_mode == "off":
            raise ValueError("kinect.depth_delay_us needs the colour camera: it is the delay of depth after colour")
        if self.subordinate_delay_us and self.sync != "subordinate":
            raise ValueError('kinect.subordinate_delay_us is for sync = "subordinate" alone')
        if self.subordinate_delay_us > period_us:
            raise ValueError(f"kinect.subordinate_delay_us must not exceed one frame, {period_us:.0f}")
        if self.sync == "master" and self.colour_mode == "off":
            raise ValueError('kinect.sync "master" needs the colour camera: colour_mode must not be "off"')


class SourceSettings(Section):
    """The camera, or what stands for it."""

    kind: Literal["simulator", "mkv_playback", "azure_kinect"]
    file: FilePath | None = None
    loop: bool = False
    patient_seed: int = Field(default=1, ge=0, le=2**31 - 1)
    night_seed: int = Field(default=1, ge=0, le=2**31 - 1)
    plan: Literal["demo", "night"] = "night"
    width: int = Field(default=512, ge=PREVIEW_WIDTH, le=8192)
    height: int = Field(default=424, ge=PREVIEW_HEIGHT, le=8192)
    frames_per_s: float = Field(default=30.0, gt=0, le=120)
    colour_per_s: float = Field(default=10.0, ge=0, le=120)
    colour_width: int = Field(default=1920, ge=16, le=8192)
    colour_height: int = Field(default=1080, ge=16, le=8192)
    kinect: KinectSettings = KinectSettings()

    @model_validator(mode="after")
    def _fits_together(self) -> SourceSettings:
        if self.kind == "mkv_playback" and self.file is None:
            raise ValueError('kind "mkv_playback" needs the setting file')
        if self.colour_per_s > self.frames_per_s:
            raise ValueError("colour_per_s must not be above frames_per_s")
        if self.kind == "azure_kinect":
            self.kinect.refuse_for(self.frames_per_s)
            if not self.colour_per_s:
                self.kinect.model_copy(update={"colour_mode": "off"}).refuse_for(self.frames_per_s)
        elif self.kinect != KinectSettings():
            raise ValueError('the section kinect is for kind "azure_kinect" alone')
        return self


class DetectorSettings(Section):
    """Where the releases lie and which one runs until the cloud asks for another."""

    releases_folder: FilePath
    release: ReleaseName
    release_keys_file: FilePath | None = None


class MqttSettings(Section):
    """The broker. Without certificate files the link is plain and allowed to this machine only."""

    host: str = Field(min_length=1, max_length=253)
    port: int = Field(default=8883, ge=1, le=65535)
    ca_file: FilePath | None = None
    certificate_file: FilePath | None = None
    key_file: FilePath | None = None

    @property
    def plain(self) -> bool:
        """True when no TLS is set up."""
        return self.ca_file is None

    @model_validator(mode="after")
    def _plain_only_at_home(self) -> MqttSettings:
        files = (self.ca_file, self.certificate_file, self.key_file)
        if any(files) and not all(files):
            raise ValueError("ca_file, certificate_file and key_file go together: give all three or none")
        if self.plain and not is_loopback(self.host):
            raise ValueError(f"a link without certificates is refused unless the host is this machine, not {self.host}")
        return self


class CloudSettings(Section):
    """The cloud's HTTPS address; the bed's certificate of [mqtt] is shown there too."""

    url: HttpUrl
    ca_file: FilePath | None = None

    @model_validator(mode="after")
    def _plain_only_at_home(self) -> CloudSettings:
        parts = urlsplit(self.url)
        if parts.scheme == "http" and not is_loopback(parts.hostname or ""):
            raise ValueError(f"http:// is refused unless the host is this machine, not {parts.hostname}")
        return self


class UploadWindow(Section):
    """A span of each day by the site's clocks with a rate of its own."""

    model_config = ConfigDict(populate_by_name=True)
    start: TimeOfDay = Field(alias="from")
    end: TimeOfDay = Field(alias="to")
    rate_bytes_per_s: UploadRate

    @model_validator(mode="after")
    def _has_a_length(self) -> UploadWindow:
        if self.start == self.end:
            raise ValueError("from and to must differ")
        return self


class UploadSettings(Section):
    """How fast clips may travel, at what time of day, and to which object store."""

    rate_bytes_per_s: UploadRate = 0
    windows: Annotated[list[UploadWindow], Field(max_length=24)] = Field(default_factory=list)
    time_zone: str = "UTC"
    store_origin: HttpUrl | None = None
    store_ca_file: FilePath | None = None

    @model_validator(mode="after")
    def _makes_sense(self) -> UploadSettings:
        try:
            ZoneInfo(self.time_zone)
        except (ValueError, KeyError, OSError) as error:
            raise ValueError(f"time_zone {self.time_zone!r} is not known; give one such as Europe/Lisbon") from error
        parts = urlsplit(self.store_origin or "https://none")
        if parts.scheme == "http" and not is_loopback(parts.hostname or ""):
            raise ValueError(f"store_origin: http:// is refused unless the host is this machine, not {parts.hostname}")
        return self


class ButtonSettings(Section):
    """Where the button at the box is heard: a port of this machine alone; 0: no port."""

    port: int = Field(default=0, ge=0, le=65535)


class MetricsSettings(Section):
    """Where Prometheus reads the bed's figures: a port of this machine alone; 0: no port."""

    port: int = Field(default=0, ge=0, le=65535)


class LiveSettings(Section):
    """Over which network the bed may be watched, by how many; without a network nobody can."""

    network: str = ""
    viewers: int = Field(default=5, ge=1, le=MOST_VIEWERS)
    frames_per_s: float = Field(default=15.0, ge=1, le=30)
    stun: str = Field(default="", pattern=r"^(stun:[^?:/]+(:[0-9]{1,5})?)?$")
    turn: str = Field(default="", pattern=r"^(turns?:[^?:/]+(:[0-9]{1,5})?(\?transport=(udp|tcp))?)?$")
    turn_secret_file: FilePath | None = None
    relay_only: bool = False

    @model_validator(mode="after")
    def _makes_sense(self) -> LiveSettings:
        try:
            if self.network:
                ipaddress.ip_network(self.network)
        except ValueError as error:
            raise ValueError(f"network {self.network!r} is not one such as 10.20.0.0/16") from error
        if bool(self.turn) != (self.turn_secret_file is not None):
            raise ValueError("turn and turn_secret_file go together: give both or none")
        if self.relay_only and not self.turn:
            raise ValueError("relay_only needs turn")
        return self


class Settings(Section):
    """All settings of one bed."""

    bed: BedSettings
    storage: StorageSettings
    source: SourceSettings
    detector: DetectorSettings
    mqtt: MqttSettings
    cloud: CloudSettings
    upload: UploadSettings = UploadSettings()
    button: ButtonSettings = ButtonSettings()
    live: LiveSettings = LiveSettings()
    metrics: MetricsSettings = MetricsSettings()
    _file_sha256: str | None = PrivateAttr(default=None)

    @property
    def file_sha256(self) -> str | None:
        """The hash of the file that they were read from; None when they come from no file."""
        return self._file_sha256


def is_loopback(host: str) -> bool:
    """True for localhost and addresses that never leave this machine."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _sentence(path: Path, error: ValidationError) -> str:
    fault = error.errors(include_url=False)[0]
    key = ".".join(str(part) for part in fault["loc"]) or "the file"
    if fault["type"] == "extra_forbidden":
        return f"{path.name}: {key} is not a known setting; docs/operations/settings.md lists them all."
    if fault["type"] == "missing":
        return f"{path.name}: {key} is missing."
    return f"{path.name}: {key}: {fault['msg'].removeprefix('Value error, ')}."


def load_settings(path: Path) -> Settings:
    """Reads and checks the file. Raises Misconfigured with one sentence that names the first wrong setting."""
    try:
        raw = path.read_bytes()
        found = tomllib.loads(raw.decode())
    except OSError as error:
        raise Misconfigured(f"The settings file {path} cannot be read: {error.strerror}.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise Misconfigured(f"The settings file {path} is not TOML: {error}.") from error
    try:
        settings = Settings.model_validate(found, context={"base": path.resolve().parent})
    except ValidationError as error:
        raise Misconfigured(_sentence(path, error)) from error
    settings._file_sha256 = hashlib.sha256(raw).hexdigest()
    return settings
