"""The cloud's one configuration file. In: a TOML file. Out: `CloudSettings`, strictly typed; an unknown key is an error that names it.

Relative paths are relative to the file's own folder. Every setting is described in docs/operations/cloud-settings.md.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from shared.clip import RawPolicy
from shared.contract import sentence_of
from shared.errors import Misconfigured
from shared.ids import SiteName

LIMIT_BYTES = 256 * 1024
LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
RELEASES_FOLDER = Path(__file__).resolve().parent.parent / "models" / "releases"

Port = Annotated[int, Field(ge=1, le=65_535)]
FilePath = Annotated[Path, Field(strict=False)]


class Section(BaseModel):
    """One table of the file: strict types, no unknown keys."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, str_max_length=4_096)

    @field_validator("*", mode="after")
    @classmethod
    def _relative_to_file(cls, value: Any, info: ValidationInfo) -> Any:
        folder = (info.context or {}).get("folder")
        if isinstance(value, Path) and folder is not None:
            return (folder / value).resolve()
        return value


class DatabaseSection(Section):
    """Where the rows lie. `embedded:FOLDER` starts a server of its own; any other URL names a PostgreSQL."""

    url: str = Field(pattern=r"^(embedded:.+|postgres(ql)?://.+)$")
    connections: int = Field(default=8, ge=2, le=200)


class ObjectsSection(Section):
    """Where the bytes of the clips lie: `file:///FOLDER` or `s3://BUCKET/PREFIX`."""

    url: str = Field(pattern=r"^(file:///.+|s3://.+)$")
    endpoint: str | None = None
    region: str = "us-east-1"
    access_key: str | None = None
    secret_key: SecretStr | None = None


class MqttSection(Section):
    """The broker. Without certificates only on loopback. A share group divides the messages among several ingesters."""

    host: str
    port: Port = 8883
    ca_file: FilePath | None = None
    certificate_file: FilePath | None = None
    key_file: FilePath | None = None
    share_group: str = Field(default="", pattern=r"^[a-z0-9-]{0,32}$")

    @model_validator(mode="after")
    def _safe(self) -> Self:
        files = (self.ca_file, self.certificate_file, self.key_file)
        if any(files) and not all(files):
            raise ValueError("ca_file, certificate_file and key_file go together")
        if not any(files) and self.host not in LOOPBACK:
            raise ValueError("a broker on another machine needs ca_file, certificate_file and key_file")
        return self


class IngestSection(Section):
    """What one bed may send to the ingester; what is over is put off, never lost: the bed sends it again."""

    events_per_minute: float = Field(default=12_000.0, ge=60, le=1_000_000, allow_inf_nan=False)


class PeopleSection(Section):
    """The address of the pages and of the programming interface for people."""

    host: str = "127.0.0.1"
    port: Port = 8400
    https: bool = Field(default=False, description="people reach it by HTTPS: cookies are marked Secure")
    second_factor: Literal["optional", "required"] = "optional"


class BedsSection(Section):
    """The address to which the beds bring their clips: mutual TLS, a bed's certificate says which bed it is."""

    host: str = "127.0.0.1"
    port: Port = 8401
    certificate_file: FilePath
    key_file: FilePath
    ca_file: FilePath
    requests_per_s: float = Field(default=50.0, gt=0, le=100_000, allow_inf_nan=False)
    bytes_per_s: int = Field(default=0, ge=0)
    chunks_at_once: int = Field(default=4, ge=1, le=64)
    open_clips: int = Field(default=5_000, ge=1, le=1_000_000)


class AuthoritySection(Section):
    """The beds' own authority, and where boxes enrol; without files the beds' certificates come from elsewhere."""

    certificate_file: FilePath | None = None
    key_file: FilePath | None = None
    trust_file: FilePath | None = Field(
        default=None, description="by it beds know broker and cloud; none: beds.ca_file"
    )
    crl_file: FilePath | None = None
    days: int = Field(default=90, ge=3, le=825)
    host: str = "127.0.0.1"
    port: int = Field(default=0, ge=0, le=65_535)

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if (self.certificate_file is None) != (self.key_file is None):
            raise ValueError("certificate_file and key_file go together")
        if self.certificate_file is None and (self.port or self.crl_file):
            raise ValueError("port and crl_file need certificate_file and key_file")
        return self


class SiteSection(Section):
    """What holds for every site of this installation, and the policies of those that have their own."""

    raw_policy: Annotated[RawPolicy, Field(strict=False)] = RawPolicy.on_confirm
    raw_policies: dict[SiteName, Annotated[RawPolicy, Field(strict=False)]] = Field(default_factory=dict)
    clip_overdue_s: int = Field(default=600, ge=1, le=7 * 86_400)

    def policy_of(self, site: str) -> RawPolicy:
        """Which raw segments this site wants."""
        return self.raw_policies.get(site, self.raw_policy)


class WorkerSection(Section):
    """What one worker does at once, and which network classifies."""

    jobs_at_once: int = Field(default=1, ge=1, le=64)
    releases_folder: FilePath = RELEASES_FOLDER
    classifier: str = Field(default="i3d-narrow-v1", min_length=1, max_length=64, description="release that classifies")
    threads: int = Field(default=1, ge=1, le=256)


class LiveSection(Section):
    """What the browsers of people who watch beds are told of STUN and TURN; the bed's side is in each bed's settings."""

    stun: str = Field(default="", pattern=r"^(stun:[^?:/]+(:[0-9]{1,5})?)?$")
    turn: str = Field(default="", pattern=r"^(turns?:[^?:/]+(:[0-9]{1,5})?(\?transport=(udp|tcp))?)?$")
    turn_secret: SecretStr = SecretStr("")
    relay_only: bool = False

    @model_validator(mode="after")
    def _goes_together(self) -> Self:
        if bool(self.turn) != bool(self.turn_secret.get_secret_value()):
            raise ValueError("turn and turn_secret go together")
        if self.relay_only and not self.turn:
            raise ValueError("relay_only needs turn")
        return self


class ReleasesSection(Section):
    """The Ed25519 key that signs releases and orders to beds; without it nothing is uploaded or given."""

    signing_key_file: FilePath | None = None


class MetricsSection(Section):
    """Where Prometheus reads the figures of all sites, from the api; port 0: nowhere."""

    host: str = "127.0.0.1"
    port: int = Field(default=0, ge=0, le=65_535)


class AuditSection(Section):
    """Where the heads of the audit chains are written signed, each minute: a file that this machine cannot take back."""

    heads_file: FilePath | None = None
    signing_key_file: FilePath | None = None

    @model_validator(mode="after")
    def _together(self) -> Self:
        if (self.heads_file is None) != (self.signing_key_file is None):
            raise ValueError("heads_file and signing_key_file go together")
        return self


class CloudSettings(Section):
    """The whole file."""

    mode: Literal["demo", "production"] = "production"
    database: DatabaseSection
    objects: ObjectsSection
    mqtt: MqttSection
    ingest: IngestSection = IngestSection()
    people: PeopleSection = PeopleSection()
    beds: BedsSection
    authority: AuthoritySection = AuthoritySection()
    site: SiteSection = SiteSection()
    worker: WorkerSection = WorkerSection()
    releases: ReleasesSection = ReleasesSection()
    metrics: MetricsSection = MetricsSection()
    live: LiveSection = LiveSection()
    audit: AuditSection = AuditSection()

    @property
    def trust_file(self) -> Path:
        """The certificates by which a bed knows broker and cloud."""
        return self.authority.trust_file or self.beds.ca_file

    @model_validator(mode="after")
    def _fit_for_production(self) -> Self:
        if self.mode == "demo":
            return self
        if self.database.url.startswith("embedded:"):
            raise ValueError("database.url: production takes a real PostgreSQL, not the embedded one")
        if self.mqtt.ca_file is None:
            raise ValueError("mqtt.ca_file: production talks to the broker by TLS alone")
        if not self.people.https and self.people.host not in LOOPBACK:
            raise ValueError("people.https: production serves people by HTTPS alone")
        return self


def load_settings(path: Path) -> CloudSettings:
    """Reads the file. Raises Misconfigured with one sentence that names the file and the first wrong key."""
    try:
        raw = path.read_bytes()
        if len(raw) > LIMIT_BYTES:
            raise Misconfigured(f"{path}: the file is {len(raw)} bytes long; the limit is {LIMIT_BYTES}.")
        fields = tomllib.loads(raw.decode())
    except OSError as error:
        raise Misconfigured(f"{path}: cannot be read: {error.strerror or error}.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise Misconfigured(f"{path}: is not TOML: {error}.") from error
    try:
        return CloudSettings.model_validate(fields, context={"folder": path.resolve().parent})
    except ValidationError as error:
        raise Misconfigured(f"{path}: {_sentence(error)}") from error


def _sentence(error: ValidationError) -> str:
    fault = error.errors(include_url=False)[0]
    if fault["type"] == "extra_forbidden":
        return f"unknown key {'.'.join(str(part) for part in fault['loc'])}."
    return sentence_of(error)


def folder_of(url: str) -> Path | None:
    """The folder that an `embedded:` or `file://` URL names, None for any other."""
    if url.startswith("embedded:"):
        return Path(url.removeprefix("embedded:"))
    parts = urlsplit(url)
    return Path(parts.path) if parts.scheme == "file" else None
