"""The envelope of every MQTT message: CloudEvents 1.0, structured JSON, with the bed's sequence, boot and trace as extensions."""

from __future__ import annotations

import secrets
from datetime import datetime
from functools import cache
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, create_model

from shared.clock import utc_text
from shared.command import DesiredState
from shared.contract import MAX_NS, Contract, ContractType, parse_json, sentence_of
from shared.errors import Refused
from shared.event import EventReport
from shared.heartbeat import BedState, Heartbeat
from shared.ids import Uuid7, uuid7
from shared.live_view import LiveHangup, LiveOffer, ViewReport
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
    Topic.view: ViewReport,
    Topic.receipt: Receipt,
    Topic.desired: DesiredState,
    Topic.resend: ResendRequest,
    Topic.pull: PullRequest,
    Topic.offer: LiveOffer,
    Topic.hangup: LiveHangup,
}
TraceParent = Annotated[str, Field(pattern=r"^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$")]


class Head(Contract):
    """What an envelope says beside its data."""

    specversion: Literal["1.0"] = "1.0"
    id: Uuid7
    source: Annotated[str, Field(pattern=r"^/deepepil/(cloud|[a-z0-9-]{1,32}/[a-z0-9-]{1,32})$")]
    type: Annotated[str, Field(pattern=r"^deepepil\.[a-z]{1,32}\.v1$")]
    time: Annotated[str, Field(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z$")]
    datacontenttype: Literal["application/json"] = "application/json"
    sequence: int = Field(default=0, ge=0, le=MAX_NS)
    traceparent: TraceParent


class Envelope(Head):
    """A CloudEvents 1.0 message. `sequence` counts the bed's durable messages; messages without a promise carry 0."""

    data: dict[str, Any]


@cache
def _envelope_of(kind: type[Contract]) -> type[Head]:
    """The envelope of one contract: both are read and checked in one pass over the bytes."""
    return create_model("Envelope", __base__=Head, data=(kind, ...))


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


def unseal(address: Address, payload: bytes, kind: type[ContractType]) -> tuple[Head, ContractType]:
    """Reads and checks a message that came on `address`. Raises Refused with the first fault, for any bytes whatever."""
    rule = RULES[address.topic]
    parse_json(payload, rule.limit_bytes)  # fields named twice and surrogates, which the second reader does not see
    try:
        envelope = _envelope_of(kind).model_validate_json(payload, strict=True)
        datetime.fromisoformat(envelope.time)
    except ValidationError as error:
        sentence = sentence_of(error).removeprefix("data.")
        raise Refused(f"The {address.topic.value} message is refused: {sentence}") from error
    except ValueError as error:
        raise Refused(f"The {address.topic.value} message is refused: {error}.") from error
    if envelope.type != f"deepepil.{address.topic.value}.v1":
        raise Refused(f"The message says type {envelope.type} but came on topic {address.topic.value}.")
    if rule.from_bed and envelope.source != f"/deepepil/{address.site}/{address.bed}":
        raise Refused("The message names another bed than its topic.", source=envelope.source)
    body: ContractType = envelope.data  # type: ignore[attr-defined]  # the field that `_envelope_of` added
    return envelope, body
