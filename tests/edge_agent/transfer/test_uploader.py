"""The uploader against a real HTTP server that is cut, slow, full, forgetful or wrong: all bytes once, no pin lost too early."""

from __future__ import annotations

import random
import ssl
from pathlib import Path
from uuid import UUID

import pytest
from fastapi import Response
from fastapi.responses import JSONResponse

from edge_agent.outbox.dead_letters import dead_letters, delivery_alarms
from edge_agent.ring.catalogue import SegmentRow
from edge_agent.transfer.cloud_client import CloudAddress, CloudClient
from edge_agent.transfer.pace import Pace, RatePlan
from edge_agent.transfer.plan import ClipEnd
from edge_agent.transfer.uploader import Uploader
from shared.clip import CHUNK_BYTES, RawDecision
from shared.errors import Misconfigured
from shared.frame import Stream
from shared.ids import uuid7
from tests.authority import TestAuthority
from tests.edge_agent.hand_clock import UTC_NS, HandClock
from tests.edge_agent.ring_files import add_segment, make_frames
from tests.edge_agent.transfer.bed_side import Bed, no_beat, no_stop
from tests.edge_agent.transfer.cloud_app import CloudState, problem, serve
from tests.gates import Gate


def test_proxies_go_first_then_segments_and_the_pin_ends_with_the_clouds_word(
    bed: Bed, cloud: CloudState, segment: SegmentRow
) -> None:
    proxies = [bed.proxy(b"ir" * 1000), bed.proxy(b"depth" * 1000, Stream.depth)]
    report = bed.clip(proxies)
    cloud.known.add(report.event_id)
    bed.run()
    assert [sha256 for sha256, _ in bed.sent] == [*(proxy.sha256 for proxy in proxies), segment.sha256]
    assert cloud.stored[segment.sha256] == segment.path(bed.folder).read_bytes()
    assert [(done.end, done.segments) for done in bed.done] == [(ClipEnd.stored, 1)]
    assert bed.pins() == set()
    assert list((bed.folder / "proxies").iterdir()) == []
    assert segment.path(bed.folder).exists()


def test_a_segment_shared_by_two_clips_is_sent_once(bed: Bed, cloud: CloudState, segment: SegmentRow) -> None:
    reports = [bed.clip([bed.proxy(b"one")]), bed.clip([bed.proxy(b"two")])]
    cloud.known |= {report.event_id for report in reports}
    bed.run()
    assert [sha256 for sha256, _ in bed.sent].count(segment.sha256) == 1
    assert len(bed.done) == 2


def test_a_new_clips_proxy_overtakes_another_clips_raw_bytes(bed: Bed, cloud: CloudState) -> None:
    rows = [add_segment(bed.folder, bed.connection, make_frames(start, start + 1)) for start in (10, 11)]
    first = bed.clip([bed.proxy(b"one")])
    cloud.known.add(first.event_id)
    bed.uploader.look()
    while not bed.sent or bed.sent[-1][0] != rows[0].sha256:
        bed.turns.append(bed.uploader.turn())
    second_proxy = bed.proxy(b"two")
    second = bed.clip([second_proxy], 20, 21)
    cloud.known.add(second.event_id)
    bed.run()
    order = [sha256 for sha256, _ in bed.sent]
    assert order.index(second_proxy.sha256) < order.index(rows[1].sha256)


def test_after_a_cut_in_the_middle_of_a_chunk_only_that_chunk_is_sent_again(
    bed: Bed, cloud: CloudState, port: int
) -> None:
    content = random.Random(1).randbytes(2 * CHUNK_BYTES + 5)
    report = bed.clip([bed.proxy(content)])
    cloud.known.add(report.event_id)
    gate = Gate(port)
    gate.cut_after_bytes = CHUNK_BYTES + CHUNK_BYTES // 2
    bed.connect(gate.port)
    bed.run()
    gate.close()
    assert len(bed.done) == 1
    assert "cannot be reached" in bed.troubles
    assert [chunk for _, chunk in bed.sent] == [0, 1, 2]
    assert bed.client.sent_bytes <= len(content) + CHUNK_BYTES + 10_000


def test_a_restart_in_the_middle_goes_on_where_the_cloud_stands(bed: Bed, cloud: CloudState, port: int) -> None:
    content = random.Random(2).randbytes(CHUNK_BYTES + 5)
    report = bed.clip([bed.proxy(content)])
    cloud.known.add(report.event_id)
    bed.uploader.look()
    while not bed.sent:
        bed.turns.append(bed.uploader.turn())
    bed.connect(port)
    bed.run()
    assert [chunk for _, chunk in bed.sent] == [0, 1]
    assert len(bed.done) == 1


def test_an_event_that_the_cloud_does_not_know_yet_waits_and_others_go_on(
    bed: Bed, cloud: CloudState, segment: SegmentRow
) -> None:
    unknown, known = bed.clip([bed.proxy(b"one")]), bed.clip([bed.proxy(b"two")])
    cloud.known.add(known.event_id)
    bed.run()
    assert [done.event_id for done in bed.done] == [known.event_id]
    assert bed.pins() == {unknown.event_id}
    cloud.known.add(unknown.event_id)
    bed.run()
    assert bed.pins() == set()


def test_while_the_policy_waits_the_pin_stays_and_the_bed_asks_again(
    bed: Bed, cloud: CloudState, segment: SegmentRow
) -> None:
    report = bed.clip([bed.proxy(b"one")])
    cloud.known.add(report.event_id)
    cloud.raw = RawDecision.wait
    bed.run()
    assert bed.pins() == {report.event_id}
    assert cloud.requests.count(f"PUT clips/{report.event_id}") >= 3
    assert segment.sha256 not in cloud.stored
    cloud.raw = RawDecision.send
    bed.run()
    assert segment.sha256 in cloud.stored
    assert bed.pins() == set()


def test_released_bytes_are_not_sent_and_the_pin_goes(bed: Bed, cloud: CloudState, segment: SegmentRow) -> None:
    report = bed.clip([bed.proxy(b"one")])
    cloud.known.add(report.event_id)
    cloud.raw = RawDecision.released
    cloud.overrule("PUT clips", released_answer(report.event_id))
    bed.run()
    assert [done.end for done in bed.done] == [ClipEnd.released]
    assert (bed.pins(), cloud.received_bytes) == (set(), 0)


def released_answer(event_id: UUID) -> Response:
    return JSONResponse({"event_id": str(event_id), "missing": [], "raw": "released", "clip_stored": False})


@pytest.mark.parametrize("status", [400, 402, 410, 413, 418, 422])
def test_a_refused_manifest_is_a_dead_letter_with_the_sentence_and_never_stored(
    bed: Bed, cloud: CloudState, status: int
) -> None:
    report = bed.clip([bed.proxy(b"one")])
    cloud.overrule("PUT clips", problem(status, "too many segments"))
    bed.run()
    assert bed.done == []
    assert bed.pins() == {report.event_id}
    letter = dead_letters(bed.connection)[0]
    assert (letter.kind, letter.event_id) == ("clip", str(report.event_id))
    assert "too many segments" in letter.reason


@pytest.mark.parametrize("status", [200, 201, 302, 401, 403, 408, 429, 500, 503])
def test_every_other_answer_is_tried_again_until_it_is_the_right_one(bed: Bed, cloud: CloudState, status: int) -> None:
    report = bed.clip([bed.proxy(b"one")])
    cloud.known.add(report.event_id)
    cloud.overrule("chunks", problem(status))
    cloud.overrule("complete", *([problem(status)] if status != 200 else []))
    bed.run()
    assert [done.event_id for done in bed.done] == [report.event_id]
    assert bed.troubles.count(f"answered {status}") == (1 if status == 200 else 2)
    assert dead_letters(bed.connection) == []


def test_retry_after_is_obeyed(bed: Bed, cloud: CloudState) -> None:
    report = bed.clip([bed.proxy(b"one")])
    cloud.known.add(report.event_id)
    cloud.overrule("PUT clips", problem(503, **{"Retry-After": "120"}))
    bed.uploader.look()
    bed.uploader.turn()
    bed.clock.advance(119)
    assert not bed.uploader.turn().busy
    bed.clock.advance(1)
    assert bed.uploader.turn().busy


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'{"event_id": 1}', b'{"missing": NaN}', b"x" * (17 << 20)])
def test_an_answer_of_any_shape_is_a_passing_trouble(bed: Bed, cloud: CloudState, body: bytes) -> None:
    report = bed.clip([bed.proxy(b"one")])
    cloud.known.add(report.event_id)
    cloud.overrule("PUT clips", Response(body))
    bed.run()
    assert [done.event_id for done in bed.done] == [report.event_id]


def test_a_store_that_lost_chunks_gets_them_again(bed: Bed, cloud: CloudState) -> None:
    content = random.Random(3).randbytes(CHUNK_BYTES + 5)
    proxy = bed.proxy(content)
    report = bed.clip([proxy])
    cloud.known.add(report.event_id)
    bed.uploader.look()
    while len(bed.sent) < 2:
        bed.turns.append(bed.uploader.turn())
    del cloud.chunks[proxy.sha256][0]
    bed.run()
    assert [chunk for _, chunk in bed.sent] == [0, 1, 0]
    assert len(bed.done) == 1


def test_a_refused_certificate_is_an_alarm_until_the_cloud_takes_the_bed_again(bed: Bed, cloud: CloudState) -> None:
    report = bed.clip([bed.proxy(b"one")])
    cloud.known.add(report.event_id)
    cloud.overrule("PUT clips", problem(403, "The client certificate is not a bed's."))
    bed.uploader.look()
    bed.turns.append(bed.uploader.turn())
    alarms = delivery_alarms(bed.connection)
    assert [("No clip is taken from this bed" in alarm, "not a bed's" in alarm) for alarm in alarms] == [(True, True)]
    bed.run()
    assert len(bed.done) == 1
    assert delivery_alarms(bed.connection) == []


def test_a_cloud_that_has_too_many_clips_of_this_bed_takes_the_others_meanwhile(bed: Bed, cloud: CloudState) -> None:
    first, second = bed.clip([bed.proxy(b"one")]), bed.clip([bed.proxy(b"two")])
    cloud.known |= {first.event_id, second.event_id}
    cloud.overrule(f"PUT clips/{first.event_id}", problem(429, "too many", **{"Retry-After": "300"}))
    bed.run(patience_s=60)
    assert [done.event_id for done in bed.done] == [second.event_id]
    bed.run(patience_s=400)
    assert [done.event_id for done in bed.done] == [second.event_id, first.event_id]


def test_a_released_clip_that_is_wanted_after_all_is_pinned_again_and_sent(
    bed: Bed, cloud: CloudState, segment: SegmentRow
) -> None:
    report = bed.clip([bed.proxy(b"one")])
    cloud.known.add(report.event_id)
    cloud.raw = RawDecision.released
    bed.run()
    assert (len(bed.done), bed.pins(), segment.sha256 in cloud.stored) == (1, set(), False)
    cloud.raw, cloud.wanted = RawDecision.send, [report.event_id, uuid7(UTC_NS)]
    bed.clock.advance(300)
    bed.turns.append(bed.uploader.turn())
    assert (bed.turns[-1].reopened, bed.pins()) == ([report.event_id], {report.event_id})
    bed.run()
    assert segment.sha256 in cloud.stored
    assert (len(bed.done), bed.pins()) == (2, set())


def test_over_tls_the_bed_shows_its_certificate(tmp_path: Path, bed: Bed, cloud: CloudState) -> None:
    authority = TestAuthority(tmp_path)
    server, mine = authority.issue("server", server=True), authority.issue("north.bed-4")
    options = {
        "ssl_certfile": str(server.certificate_file), "ssl_keyfile": str(server.key_file),
        "ssl_ca_certs": str(authority.ca_file), "ssl_cert_reqs": ssl.CERT_REQUIRED,
    }  # fmt: skip
    report = bed.clip([bed.proxy(b"one")])
    cloud.known.add(report.event_id)
    with serve(cloud, **options) as port:
        pace = Pace(RatePlan(0), bed.clock, no_stop, no_beat)
        bare = CloudAddress(f"https://127.0.0.1:{port}", authority.ca_file)
        bed.uploader = Uploader(bed.folder, bed.store, CloudClient(bare, pace), bed.clock, random.Random(1))
        bed.run()
        assert bed.done == []
        whole = CloudAddress(bare.url, authority.ca_file, mine.certificate_file, mine.key_file)
        bed.uploader = Uploader(bed.folder, bed.store, CloudClient(whole, pace), bed.clock, random.Random(1))
        bed.run()
        assert len(bed.done) == 1


def test_certificate_files_that_are_missing_are_named_at_the_start(tmp_path: Path) -> None:
    address = CloudAddress("https://127.0.0.1:1", tmp_path / "gone.pem")
    with pytest.raises(Misconfigured, match="certificate files cannot be used"):
        CloudClient(address, Pace(RatePlan(0), HandClock(), no_stop, no_beat))
