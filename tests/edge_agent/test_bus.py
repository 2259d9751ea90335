"""Messages reach who listens, typed and in order; what is lost is counted; nobody waits."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zmq
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.bus import HIGH_WATER, Publisher, Subscriber, run_folder
from edge_agent.bus_messages import (
    Beat,
    BusTopic,
    CameraFact,
    ClipProgress,
    FrameHandle,
    LinkFact,
    Message,
    ProcessState,
    ProcessStates,
    UploadProgress,
    decode_message,
    encode_message,
)
from edge_agent.process_table import owners_of
from shared.errors import Refused
from shared.ids import uuid7
from shared.preview import PREVIEW_HEIGHT, PREVIEW_WIDTH, Preview
from tests.edge_agent.ring.recording_bed import desired
from tests.fakes.frame_source import camera_info
from tests.waiting import wait_for

HANDLE = FrameHandle(2**62, 3, 2**40, 7, 8, -5, 10, 11, 512, 424, 512, 424, 99_000)
MESSAGES: list[tuple[BusTopic, Message]] = [
    (BusTopic.frame, HANDLE),
    (BusTopic.camera, CameraFact(mono_ns=1, opened=camera_info())),
    (BusTopic.camera, CameraFact(mono_ns=1, opened=None, sentence="The cable is out.")),
    (BusTopic.clip, ClipProgress(event_id=uuid7(1), what="proxy_made")),
    (BusTopic.upload, UploadProgress(event_id=uuid7(1), what="clip_stored", sent_bytes=5)),
    (BusTopic.desired, desired(4)),
    (BusTopic.link, LinkFact(mono_ns=1, connected=False, sentence="refused")),
    (BusTopic.processes, ProcessStates(mono_ns=1, states=[ProcessState(name="a", pid=1, running=True, restarts=2)])),
    (BusTopic.beat, Beat(process="recorder", pid=3, mono_ns=4, counters={"frames": 5})),
]


@pytest.fixture
def joined(tmp_path: Path) -> Iterator[Callable[..., tuple[Publisher, Subscriber]]]:
    """A publisher and a subscriber of a topic that have found each other."""
    with ExitStack() as stack:

        def join(topic: BusTopic) -> tuple[Publisher, Subscriber]:
            subscriber = Subscriber(tmp_path, (topic,))
            publisher = Publisher(tmp_path, owners_of(topic)[0])
            stack.callback(subscriber.close)
            stack.callback(publisher.close)
            return publisher, subscriber

        yield join


def meet(publisher: Publisher, subscriber: Subscriber, topic: BusTopic, message: Message) -> None:
    def heard() -> Any:
        publisher.publish(topic, message)
        return subscriber.receive(20)

    wait_for(heard, "the first message")
    while subscriber.receive(50):
        pass
    subscriber.dropped = 0


@pytest.mark.parametrize(("topic", "message"), MESSAGES)
def test_every_kind_of_message_survives_its_encoding(topic: BusTopic, message: Message) -> None:
    assert decode_message(topic, encode_message(topic, message)) == message


def test_a_preview_survives_its_encoding() -> None:
    rng = np.random.default_rng(1)
    images = rng.integers(0, 256, (2, PREVIEW_HEIGHT, PREVIEW_WIDTH)).astype(np.uint8)
    found = decode_message(BusTopic.preview, encode_message(BusTopic.preview, Preview(4, 5, 6, images[0], images[1])))
    assert (found.index, found.mono_ns, found.utc_ns) == (4, 5, 6)
    assert np.array_equal(found.ir, images[0])
    assert np.array_equal(found.depth, images[1])


def test_a_message_of_the_wrong_type_is_a_fault_of_the_program() -> None:
    with pytest.raises(TypeError, match="ClipProgress is not a message of the topic frame"):
        encode_message(BusTopic.frame, ClipProgress(event_id=uuid7(1), what="x"))


@given(st.sampled_from(list(BusTopic)), st.binary(max_size=200))
def test_foreign_bytes_are_refused(topic: BusTopic, body: bytes) -> None:
    with pytest.raises(Refused):
        decode_message(topic, body)


def test_messages_arrive_in_order_and_none_is_missing(joined: Callable[..., tuple[Publisher, Subscriber]]) -> None:
    publisher, subscriber = joined(BusTopic.link)
    meet(publisher, subscriber, BusTopic.link, LinkFact(mono_ns=0, connected=True))
    for number in range(300):
        publisher.publish(BusTopic.link, LinkFact(mono_ns=number, connected=True))
    got = [subscriber.receive(2000) for _ in range(300)]
    assert [found[1].mono_ns for found in got if found] == list(range(300))
    assert subscriber.dropped == 0


def test_a_slow_listener_loses_messages_and_knows_how_many(joined: Callable[..., tuple[Publisher, Subscriber]]) -> None:
    publisher, subscriber = joined(BusTopic.preview)
    blank = np.zeros((PREVIEW_HEIGHT, PREVIEW_WIDTH), np.uint8)
    meet(publisher, subscriber, BusTopic.preview, Preview(0, 0, 0, blank, blank))
    total = 6 * HIGH_WATER
    for number in range(total):
        publisher.publish(BusTopic.preview, Preview(number, 0, 0, blank, blank))
    received = 0
    while subscriber.receive(200):
        received += 1

    def next_heard() -> bool:
        nonlocal received
        publisher.publish(BusTopic.preview, Preview(0, 0, 0, blank, blank))
        nonlocal total
        total += 1
        found = subscriber.receive(50) is not None
        received += found
        return found

    wait_for(next_heard, "a message after the flood")
    while subscriber.receive(50):
        received += 1
    assert received < total
    assert subscriber.dropped == total - received


def test_a_listener_hears_only_its_topics(joined: Callable[..., tuple[Publisher, Subscriber]]) -> None:
    publisher, subscriber = joined(BusTopic.link)
    meet(publisher, subscriber, BusTopic.link, LinkFact(mono_ns=0, connected=True))
    publisher.publish(BusTopic.desired, desired())
    publisher.publish(BusTopic.link, LinkFact(mono_ns=9, connected=True))
    found = subscriber.receive(2000)
    assert found is not None
    assert found[0] is BusTopic.link


def test_a_publisher_that_comes_back_is_heard_again_and_counts_anew(tmp_path: Path) -> None:
    subscriber = Subscriber(tmp_path, (BusTopic.link,))
    for _ in range(2):
        publisher = Publisher(tmp_path, "publisher")
        meet(publisher, subscriber, BusTopic.link, LinkFact(mono_ns=1, connected=True))
        publisher.close()
    assert subscriber.dropped == 0
    subscriber.close()


def test_any_thread_may_publish(joined: Callable[..., tuple[Publisher, Subscriber]]) -> None:
    publisher, subscriber = joined(BusTopic.link)
    meet(publisher, subscriber, BusTopic.link, LinkFact(mono_ns=0, connected=True))

    def tell() -> None:
        for _ in range(40):
            publisher.publish(BusTopic.link, LinkFact(mono_ns=1, connected=True))

    work = [threading.Thread(target=tell) for _ in range(4)]
    for thread in work:
        thread.start()
    for thread in work:
        thread.join()
    assert sum(subscriber.receive(1000) is not None for _ in range(160)) == 160
    assert (subscriber.dropped, subscriber.refused) == (0, 0)


def test_what_cannot_be_read_is_counted_and_skipped(tmp_path: Path) -> None:
    subscriber = Subscriber(tmp_path, (BusTopic.link,))
    foreign: zmq.Socket[bytes] = zmq.Context.instance().socket(zmq.PUB)
    foreign.bind(f"ipc://{run_folder(tmp_path) / 'publisher'}.ipc")
    wait_for(
        lambda: foreign.send_multipart([b"link\0", b"short", b"{}"]) or subscriber.receive(20) or subscriber.refused,
        "x",
    )
    assert subscriber.refused >= 1
    foreign.close(0)
    subscriber.close()


def test_a_folder_with_a_long_name_gets_a_short_place_for_its_sockets(tmp_path: Path) -> None:
    deep = tmp_path / ("a" * 60) / ("b" * 60)
    assert len(str(run_folder(deep) / "supervisor.ipc")) < 104
    assert run_folder(deep) == run_folder(deep) != run_folder(tmp_path)
