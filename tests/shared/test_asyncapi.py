"""The published description of the messages is the contracts' own, is valid AsyncAPI 3, and its examples are what it describes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from scripts.asyncapi import DOCUMENT, document, text
from shared.envelope import CONTRACTS, unseal
from shared.topics import RULES, Address, Topic, parse_topic

SPECS = Path(__file__).parents[2] / "cloud/web/node_modules/@asyncapi/specs/schemas"


@pytest.fixture(scope="module")
def kept() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(DOCUMENT.read_text())
    return found


def test_the_document_is_what_the_contracts_say() -> None:
    assert DOCUMENT.read_text() == text(), "run `make docs`"


def test_it_is_valid_asyncapi(kept: dict[str, Any]) -> None:
    schema = json.loads((SPECS / "3.0.0-without-$id.json").read_text())
    faults = [
        f"{list(error.instance_path)}: {error.message[:200]}"
        for error in jsonschema_rs.validator_for(schema).iter_errors(kept)
    ]
    assert faults == []
    broken = {**kept, "operations": {"send_event": {"action": "shout"}}}
    assert not jsonschema_rs.validator_for(schema).is_valid(broken)


@pytest.mark.parametrize("topic", list(Topic))
def test_every_topic_has_its_direction_quality_and_an_example_that_holds(kept: dict[str, Any], topic: Topic) -> None:
    rule = RULES[topic]
    operation = kept["operations"][f"{'send' if rule.from_bed else 'receive'}_{topic.value}"]
    assert operation["bindings"]["mqtt"]["qos"] == rule.qos
    assert operation["bindings"]["mqtt"]["retain"] == rule.retained
    address = kept["channels"][topic.value]["address"].format(site="porto", bed="bed-1")
    assert parse_topic(address) == Address("porto", "bed-1", topic)
    message = kept["components"]["messages"][topic.value]
    (example,) = message["examples"]
    validator = jsonschema_rs.validator_for({**message["payload"], "components": kept["components"]})
    validator.validate(example["payload"])
    assert not validator.is_valid({**example["payload"], "data": {}})
    unseal(Address("porto", "bed-1", topic), json.dumps(example["payload"]).encode(), CONTRACTS[topic])


def test_a_change_of_a_contract_would_be_noticed(kept: dict[str, Any]) -> None:
    assert set(kept["channels"]) == set(kept["components"]["messages"]) == {topic.value for topic in Topic}
    assert document()["components"]["schemas"]["Receipt"] == kept["components"]["schemas"]["Receipt"]
