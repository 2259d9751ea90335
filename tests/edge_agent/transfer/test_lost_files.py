"""What is lost at the bed: a segment makes the clip partial, a proxy is made again, nothing is silently short."""

from __future__ import annotations

import pytest

from edge_agent.clips.manifest import make_manifest
from edge_agent.outbox.dead_letters import dead_letters
from edge_agent.ring.catalogue import SegmentRow
from edge_agent.transfer.plan import ClipEnd
from shared.clip import ClipManifest
from shared.frame import Stream
from tests.edge_agent.ring_files import add_segment, make_frames
from tests.edge_agent.transfer.bed_side import Bed
from tests.edge_agent.transfer.cloud_app import CloudState


def clip_row(bed: Bed) -> tuple[str, ClipManifest | None, str]:
    stage, manifest, reason = bed.connection.execute("SELECT stage, manifest, reason FROM clips").fetchone()
    return stage, None if manifest is None else ClipManifest.model_validate_json(manifest), reason


@pytest.mark.parametrize("loss", ["rotted", "shortened", "gone"])
def test_a_segment_that_is_lost_at_the_bed_makes_the_clip_partial_and_the_rest_is_stored(
    bed: Bed, cloud: CloudState, segment: SegmentRow, loss: str
) -> None:
    kept = add_segment(bed.folder, bed.connection, make_frames(12, 13))
    report = bed.clip([bed.proxy(b"ir")], 10, 13)
    cloud.known.add(report.event_id)
    path = segment.path(bed.folder)
    whole = path.read_bytes()
    path.unlink()
    if loss != "gone":
        path.write_bytes(whole[:-1] + b"?" if loss == "rotted" else whole[:-1])
    bed.run(tries=80, patience_s=300)
    assert [turn.partial for turn in bed.turns if turn.partial] == [report.event_id]
    assert (segment.sha256 in cloud.stored, kept.sha256 in cloud.stored) == (False, True)
    shown = cloud.manifests[report.event_id]
    words = {"rotted": "damaged", "shortened": "shorter", "gone": "not at the bed any more"}
    assert [(lost.sha256, words[loss] in lost.reason) for lost in shown.lost] == [(segment.sha256, True)]
    assert [each.sha256 for each in shown.segments] == [kept.sha256]
    assert shown.lost[0].frames[Stream.ir] == 60
    assert [done.end for done in bed.done] == [ClipEnd.stored]
    assert bed.pins() == set()


@pytest.mark.parametrize("loss", ["rotted", "gone"])
def test_a_proxy_that_is_lost_is_made_again_once_and_then_a_dead_letter(
    bed: Bed, cloud: CloudState, segment: SegmentRow, loss: str
) -> None:
    proxies = [bed.proxy(b"good bytes")]
    report = bed.clip(proxies)
    cloud.known.add(report.event_id)
    path = bed.folder / "proxies" / f"{proxies[0].sha256}.mp4"
    for stage in ("recording", "dead"):
        path.unlink(missing_ok=True)
        if loss == "rotted":
            path.write_bytes(b"bad  bytes")
        bed.run(tries=80, patience_s=300)
        assert clip_row(bed)[0] == stage
        bed.store.make_ready(make_manifest(bed.connection, report, proxies))
    assert cloud.stored == {}
    assert bed.pins() == {report.event_id}
    words = {"rotted": "damaged at the bed", "gone": "not at the bed any more"}
    assert words[loss] in dead_letters(bed.connection)[0].reason
