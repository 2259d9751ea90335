"""Every message contract reads its golden message, writes it back unchanged, and refuses what is not it."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.clock import NS_PER_S
from shared.contract import parse_json, read_contract
from shared.envelope import CONTRACTS, seal, unseal
from shared.errors import Refused
from shared.event import EventReport
from shared.topics import RULES, Address, Topic, parse_topic
from tests.golden.make_messages import FOLDER, GOLDEN

UTC_NS = 1_750_000_000 * NS_PER_S
BY_TOPIC = {topic: name for topic in Topic for name, found in GOLDEN.items() if isinstance(found, CONTRACTS[topic])}


@pytest.mark.parametrize("name", sorted(GOLDEN))
def test_a_golden_message_is_read_and_written_back_unchanged(name: str) -> None:
    text = (FOLDER / f"{name}.json").read_text()
    message = read_contract(type(GOLDEN[name]), text)
    assert message == GOLDEN[name]
    assert message.model_dump_json(indent=2) + "\n" == text


@pytest.mark.parametrize("topic", list(Topic))
def test_a_sealed_message_is_unsealed_on_its_topic(topic: Topic) -> None:
    address = Address("porto", "bed-1", topic)
    body = GOLDEN[BY_TOPIC[topic]]
    envelope, found = unseal(address, seal(address, body, UTC_NS, sequence=41), CONTRACTS[topic])
    assert found == body
    assert envelope.sequence == 41
    assert envelope.time == "2025-06-15T15:06:40Z"


def test_a_message_that_names_another_bed_than_its_topic_is_refused() -> None:
    sealed = seal(Address("porto", "bed-1", Topic.event), GOLDEN["event"], UTC_NS)
    with pytest.raises(Refused, match="another bed"):
        unseal(Address("porto", "bed-2", Topic.event), sealed, EventReport)


def test_a_message_of_another_type_than_its_topic_is_refused() -> None:
    address = Address("porto", "bed-1", Topic.event)
    sealed = seal(address, GOLDEN["event"], UTC_NS).replace(b"deepepil.event.v1", b"deepepil.state.v1")
    with pytest.raises(Refused, match="came on topic event"):
        unseal(address, sealed, EventReport)


def test_a_message_over_its_limit_is_refused_before_it_is_queued() -> None:
    manifest_like = GOLDEN["heartbeat"].model_copy(update={"alarms": ["x" * 60_000, "y" * 60_000]})
    with pytest.raises(Refused, match="the limit is 65536"):
        seal(Address("porto", "bed-1", Topic.heartbeat), manifest_like, UTC_NS)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"peak_score": float("nan")}, "NaN"),
        ({"peak_score": 1.5}, "peak_score"),
        ({"motor_type": "a\x00b"}, "NUL"),
        ({"motor_type": "\ud800"}, "surrogate"),
        ({"start_mono_ns": 10**30}, "start_mono_ns"),
        ({"start_mono_ns": "12"}, "start_mono_ns"),
        ({"end_mono_ns": 0}, "clip_start <= start <= end"),
        ({"event_id": "6ba7b810-9dad-11d1-80b4-00c04fd430c8"}, "version 7"),
        ({"unheard_of": 1}, "unheard_of"),
        ({"phase": "reopened"}, "phase"),
    ],
)
def test_a_wrong_field_is_named_in_the_refusal(change: dict[str, object], told: str) -> None:
    fields = json.loads(GOLDEN["event"].model_dump_json()) | change
    with pytest.raises(Refused, match=told):
        read_contract(EventReport, json.dumps(fields))


@pytest.mark.parametrize("body", ['{"a":1,"a":2}', "[1]", "NaN", "", "{", "[" * 100_000, '"\\ud800"'])
def test_what_is_not_one_json_object_is_refused(body: str) -> None:
    with pytest.raises(Refused):
        parse_json(body, 1 << 20)


@given(st.binary(max_size=400))
def test_no_bytes_whatever_raise_anything_but_a_refusal(payload: bytes) -> None:
    with pytest.raises(Refused):
        unseal(Address("porto", "bed-1", Topic.event), payload, EventReport)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@given(st.sampled_from(sorted(json.loads(GOLDEN["event"].model_dump_json()))), json_values)
def test_any_value_in_any_field_is_taken_or_refused_and_what_is_taken_can_be_stored(field: str, value: object) -> None:
    fields = json.loads(GOLDEN["event"].model_dump_json())
    fields[field] = value
    address = Address("porto", "bed-1", Topic.event)
    envelope = json.loads(seal(address, GOLDEN["event"], UTC_NS))
    envelope["data"] = fields
    try:
        _, report = unseal(address, json.dumps(envelope).encode(), EventReport)
    except Refused as refusal:
        assert len(refusal.sentence) < 2_000
        return
    stored = report.model_dump_json()
    assert "\\u0000" not in stored
    stored.encode("utf-8")
    assert 0 <= report.start_mono_ns < 2**63


@pytest.mark.parametrize("topic", list(Topic))
def test_a_topic_is_built_and_read_back(topic: Topic) -> None:
    address = Address("porto", "bed-1", topic)
    assert parse_topic(address.text) == address
    assert RULES[topic].limit_bytes <= 128 * 1024


@pytest.mark.parametrize(
    "text",
    ["", "deepepil/v1/porto/bed-1", "deepepil/v2/porto/bed-1/event", "deepepil/v1/+/bed-1/event", "deepepil/v1/porto/../event",
     "deepepil/v1/porto/bed-1/event/more", "deepepil/v1/Porto/bed-1/event", "deepepil/v1/porto/bed-1/unknown"],
)  # fmt: skip
def test_a_topic_of_another_form_is_refused(text: str) -> None:
    with pytest.raises(Refused):
        parse_topic(text)
