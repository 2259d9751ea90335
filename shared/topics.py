"""Every MQTT topic: how it is built and read, who writes it, its quality of service and whether it is retained."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from pydantic import TypeAdapter, ValidationError

from shared.errors import Refused
from shared.ids import BedName, SiteName

ROOT = "deepepil/v1"


class Topic(StrEnum):
    """The last part of a topic; the first parts are `deepepil/v1/{site}/{bed}`."""

    event = "event"
    heartbeat = "heartbeat"
    state = "state"
    digest = "digest"
    answer = "answer"
    view = "view"
    receipt = "receipt"
    desired = "desired"
    resend = "resend"
    pull = "pull"
    offer = "offer"
    hangup = "hangup"


@dataclass(frozen=True, slots=True)
class TopicRule:
    """How one topic is used."""

    from_bed: bool
    qos: int
    retained: bool
    limit_bytes: int


RULES = {
    Topic.event: TopicRule(from_bed=True, qos=1, retained=False, limit_bytes=64 * 1024),
    Topic.heartbeat: TopicRule(from_bed=True, qos=0, retained=False, limit_bytes=64 * 1024),
    Topic.state: TopicRule(from_bed=True, qos=1, retained=True, limit_bytes=4 * 1024),
    Topic.digest: TopicRule(from_bed=True, qos=1, retained=False, limit_bytes=64 * 1024),
    Topic.answer: TopicRule(from_bed=True, qos=1, retained=False, limit_bytes=64 * 1024),
    Topic.view: TopicRule(from_bed=True, qos=1, retained=False, limit_bytes=16 * 1024),
    Topic.receipt: TopicRule(from_bed=False, qos=1, retained=False, limit_bytes=16 * 1024),
    Topic.desired: TopicRule(from_bed=False, qos=1, retained=True, limit_bytes=16 * 1024),
    Topic.resend: TopicRule(from_bed=False, qos=1, retained=False, limit_bytes=16 * 1024),
    Topic.pull: TopicRule(from_bed=False, qos=1, retained=False, limit_bytes=4 * 1024),
    Topic.offer: TopicRule(from_bed=False, qos=1, retained=False, limit_bytes=16 * 1024),
    Topic.hangup: TopicRule(from_bed=False, qos=1, retained=False, limit_bytes=4 * 1024),
}


@dataclass(frozen=True, slots=True)
class Address:
    """A bed's topic, taken apart."""

    site: str
    bed: str
    topic: Topic

    @property
    def text(self) -> str:
        return f"{ROOT}/{self.site}/{self.bed}/{self.topic.value}"


_SITE: TypeAdapter[str] = TypeAdapter(SiteName)
_BED: TypeAdapter[str] = TypeAdapter(BedName)


def parse_topic(text: str) -> Address:
    """Reads `deepepil/v1/{site}/{bed}/{topic}`. Raises Refused for anything else."""
    parts = text.split("/")
    if len(parts) != 5 or "/".join(parts[:2]) != ROOT:
        raise Refused("The topic is not of the form deepepil/v1/{site}/{bed}/{topic}.", topic=text[:200])
    try:
        return Address(_SITE.validate_python(parts[2]), _BED.validate_python(parts[3]), Topic(parts[4]))
    except (ValidationError, ValueError) as error:
        raise Refused("The topic names no known site, bed or topic word.", topic=text[:200]) from error


def from_beds(topic: Topic) -> str:
    """The subscription of the cloud for one topic of all beds."""
    return f"{ROOT}/+/+/{topic.value}"
