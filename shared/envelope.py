"""The envelope of every MQTT message: CloudEvents 1.0, structured JSON, with the bed's sequence, boot and trace as extensions."""

from __future__ import annotations

import json
import secrets
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError

from shared.clock import utc_text
from shared.command import DesiredState
from shared.contract import MAX_NS, Contract, ContractType, parse_json, sentence_of
from shared.errors import Refused
from shared.event import EventReport
from shared.heartbeat import BedState, Heartbeat
from shared.ids import Uuid7, uuid7
from shared.pull import PullAnswer, PullRequest
from shared.receipt import Receipt
from shared.reconciliation import Digest, ResendRequest
from shared.topics import RULES, Address, Topic

CONTRACTS: dict[Topic, type[Contract]] = {
    Topic.event: EventReport,
    Topic.heartbeat: Heartbeat,
    Topic.state: BedState,
    Topic.digest: Digest,
    Topic.answer: PullAnswer,
    Topic.receipt: Receipt,
    Topic.desired: DesiredState,
    Topic.resend: ResendRequest,
    Topic.pull: PullRequest,
}
TraceParent = Annotated[str, Field(pattern=r"^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$")]


class Envelope(Contract):
    """A CloudEvents 1.0 message. `sequence` counts the bed's durable messages; messages without a promise carry 0."""

    specversion: Literal["1.0"] = "1.0"
    id: Uuid7
    source: Annotated[str, Field(pattern=r"^/deepepil/(cloud|[a-z0-9-]{1,32}/[a-z0-9-]{1,32})$")]
    type: Annotated[str, Field(pattern=r"^deepepil\.[a-z]{1,32}\.v1$")]
    time: Annotated[str, Field(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z$")]
    datacontenttype: Literal["application/json"] = "application/json"
    sequence: int = Field(default=0, ge=0, le=MAX_NS)
    traceparent: TraceParent
    data: dict[str, Any]


def new_traceparent() -> str:
    """A fresh W3C trace context (version 00, sampled)."""
    return f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-01"


def seal(address: Address, body: Contract, utc_ns: int, *, sequence: int = 0, traceparent: str | None = None) -> bytes:
    """The message as bytes. Raises Refused when it is larger than its topic allows: size is checked before queueing."""
    rule = RULES[address.topic]
    message = Envelope(
        id=uuid7(utc_ns),
        source=f"/deepepil/{address.site}/{address.bed}" if rule.from_bed else "/deepepil/cloud",
        type=f"deepepil.{address.topic.value}.v1",
        time=utc_text(utc_ns),
        sequence=sequence,
        traceparent=traceparent or new_traceparent(),
        data=body.model_dump(mode="json"),
    )
    sealed = message.model_dump_json().encode()
    if len(sealed) > rule.limit_bytes:
        raise Refused(
            f"A message for {address.topic.value} is {len(sealed)} bytes; the limit is {rule.limit_bytes}.",
            topic=address.topic.value,
        )
    return sealed


def unseal(address: Address, payload: bytes, kind: type[ContractType]) -> tuple[Envelope, ContractType]:
    """Reads and checks a message that came on `address`. Raises Refused with the first fault, for any bytes whatever."""
    rule = RULES[address.topic]
    fields = parse_json(payload, rule.limit_bytes)
    try:
        envelope = Envelope.model_validate_json(json.dumps(fields), strict=True)
        datetime.fromisoformat(envelope.time)
        body = kind.model_validate_json(json.dumps(envelope.data), strict=True)
    except ValidationError as error:
        raise Refused(f"The {address.topic.value} message is refused: {sentence_of(error)}") from error
    except ValueError as error:
        raise Refused(f"The {address.topic.value} message is refused: {error}.") from error
    if envelope.type != f"deepepil.{address.topic.value}.v1":
        raise Refused(f"The message says type {envelope.type} but came on topic {address.topic.value}.")
    if rule.from_bed and envelope.source != f"/deepepil/{address.site}/{address.bed}":
        raise Refused("The message names another bed than its topic.", source=envelope.source)
    return envelope, body
