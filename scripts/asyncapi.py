"""Writes docs/contracts/asyncapi.json: every MQTT topic with direction, QoS, retain, payload and an example, from the contracts.

In: the topics' table and the contracts in `shared/`, the golden messages. Out: an AsyncAPI 3 document on standard output, the same
bytes for the same contracts. `make docs` runs it; a test compares.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from uuid import UUID

from pydantic.json_schema import models_json_schema

from edge_agent.outbox.mqtt_client import KEEP_ALIVE_S
from shared.envelope import CONTRACTS, Envelope
from shared.topics import ROOT, RULES, Topic, TopicRule

DOCUMENT = Path(__file__).parents[1] / "docs/contracts/asyncapi.json"
GOLDEN = Path(__file__).parents[1] / "tests/golden/messages"
EXAMPLE_ID = UUID("01900000-0000-7000-8000-0000000000ff")
EXAMPLE_TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
MQTT_BINDING = "0.2.0"
_BED_WORDS = {
    Topic.event: "tells an event: opened, updated, closed, under one id",
    Topic.heartbeat: "tells its health; lost ones are not sent again",
    Topic.state: "is born; the broker publishes the will with online: false",
    Topic.digest: "tells one page of what it sent and keeps, to be compared",
    Topic.answer: "says what it holds of a span that it was asked for",
    Topic.view: "says how a person's view of it stands: answered, joined, refused, ended",
    Topic.receipt: "hears that a message is stored, released or refused; only this ends its duty to send",
    Topic.desired: "hears the whole wish for it; an older version is ignored",
    Topic.resend: "hears what the cloud lacks of a page of its digest",
    Topic.pull: "is asked for a span of its ring, again and again until it answers",
    Topic.offer: "hears that a person wants to watch one stream of it",
    Topic.hangup: "is told to end one view",
}


def document() -> dict[str, Any]:
    """The whole AsyncAPI 3.0 document, from the bed's point of view: it sends what a bed gives, it receives what is for it."""
    kinds = [Envelope, *CONTRACTS.values()]
    _, schemas = models_json_schema(
        [(kind, "validation") for kind in kinds], ref_template="#/components/schemas/{model}"
    )
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "DeepEpil: messages between beds and cloud",
            "version": "1",
            "description": "Research use only: no diagnosis, no alarm. A PUBACK is not a receipt: a bed keeps an event until"
            " the topic `receipt` names its sequence number. Correct on MQTT 5 and on MQTT 3.1.1.",
        },
        "defaultContentType": "application/cloudevents+json",
        "servers": {"broker": _server()},
        "channels": {topic.value: _channel(topic) for topic in Topic},
        "operations": {f"{_verb(rule)}_{topic.value}": _operation(topic, rule) for topic, rule in RULES.items()},
        "components": {
            "messages": {topic.value: _message(topic) for topic in Topic},
            "schemas": schemas["$defs"],
        },
    }


def _server() -> dict[str, Any]:
    will = {"topic": f"{ROOT}/{{site}}/{{bed}}/state", "qos": 1, "retain": True, "message": "BedState, online: false"}
    return {
        "host": "broker.hospital.example:8883",
        "protocol": "secure-mqtt",
        "description": "TLS with the bed's own certificate; its common name `{site}.{bed}` is the user of the access list.",
        "bindings": {
            "mqtt": {
                "clientId": "{site}.{bed}",
                "cleanSession": True,
                "keepAlive": KEEP_ALIVE_S,
                "lastWill": will,
                "bindingVersion": MQTT_BINDING,
            }
        },
    }


def _verb(rule: TopicRule) -> str:
    return "send" if rule.from_bed else "receive"


def _channel(topic: Topic) -> dict[str, Any]:
    return {
        "address": f"{ROOT}/{{site}}/{{bed}}/{topic.value}",
        "description": f"A message is at most {RULES[topic].limit_bytes} bytes long.",
        "messages": {topic.value: {"$ref": f"#/components/messages/{topic.value}"}},
        "parameters": {
            "site": {"description": "small letters, digits and hyphens; at most 32", "examples": ["north"]},
            "bed": {"description": "by the same rule; the certificate names both", "examples": ["bed-4"]},
        },
    }


def _operation(topic: Topic, rule: TopicRule) -> dict[str, Any]:
    return {
        "action": _verb(rule),
        "channel": {"$ref": f"#/channels/{topic.value}"},
        "summary": f"The bed {_BED_WORDS[topic]}.",
        "messages": [{"$ref": f"#/channels/{topic.value}/messages/{topic.value}"}],
        "bindings": {"mqtt": {"qos": rule.qos, "retain": rule.retained, "bindingVersion": MQTT_BINDING}},
    }


def _message(topic: Topic) -> dict[str, Any]:
    contract = CONTRACTS[topic]
    body = {"$ref": f"#/components/schemas/{contract.__name__}"}
    narrowed = {"type": {"const": _type(topic)}, "data": body}
    return {
        "name": _type(topic),
        "title": contract.__name__,
        "summary": (contract.__doc__ or "").strip().splitlines()[0],
        "payload": {"allOf": [{"$ref": "#/components/schemas/Envelope"}, {"properties": narrowed}]},
        "examples": [{"name": "golden", "payload": example(topic)}],
    }


def _type(topic: Topic) -> str:
    return f"deepepil.{topic.value}.v1"


def example(topic: Topic) -> dict[str, Any]:
    """The golden message of the topic's contract in an envelope of fixed ids."""
    data = json.loads((GOLDEN / f"{topic.value}.json").read_text())
    message = Envelope(
        id=EXAMPLE_ID,
        source="/deepepil/porto/bed-1" if RULES[topic].from_bed else "/deepepil/cloud",
        type=_type(topic),
        time="2025-06-15T15:06:40Z",
        sequence=41 if topic is Topic.event else 0,
        traceparent=EXAMPLE_TRACE,
        data=data,
    )
    found: dict[str, Any] = message.model_dump(mode="json")
    return found


def text() -> str:
    """The document as it is kept."""
    return json.dumps(document(), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    print(text(), end="")
