"""A clip that lost a segment at the bed says so: which one, why, and as a gap of every stream that it held."""

from __future__ import annotations

from edge_agent.clips.manifest import MAX_GAPS
from shared.clip import ClipManifest, LostSegment, ManifestSegment
from shared.frame import Stream
from shared.gap import Gap, GapCause


def without_segment(manifest: ClipManifest, sha256: str, reason: str) -> ClipManifest:
    """The manifest without this segment; unchanged when it does not name it. Coverage falls by what the segment covered."""
    lost = next((segment for segment in manifest.segments if segment.sha256 == sha256), None)
    if lost is None:
        return manifest
    gaps = sorted((*manifest.gaps, *_gaps_of(manifest, lost)), key=lambda gap: (gap.start_mono_ns, gap.stream.value))
    span_ns = max(1, manifest.end_mono_ns - manifest.start_mono_ns)
    inside_ns = min(lost.end_mono_ns, manifest.end_mono_ns) - max(lost.start_mono_ns, manifest.start_mono_ns)
    share = max(0, inside_ns) / span_ns
    fallen = {stream: max(0.0, before - share) for stream, before in manifest.coverage.items() if stream in lost.frames}
    entry = LostSegment(
        sha256=sha256, sequence=lost.sequence, start_mono_ns=lost.start_mono_ns, end_mono_ns=lost.end_mono_ns,
        reason=reason,
    )  # fmt: skip
    return manifest.model_copy(
        update={
            "segments": [segment for segment in manifest.segments if segment.sha256 != sha256],
            "lost": [*manifest.lost, entry],
            "gaps": gaps[:MAX_GAPS],
            "coverage": {**manifest.coverage, **fallen},
        }
    )


def _gaps_of(manifest: ClipManifest, lost: ManifestSegment) -> list[Gap]:
    """All frames that the segment held are missing now; the disk lost them."""
    return [_gap(manifest, lost, stream, frames) for stream, frames in lost.frames.items() if frames]


def _gap(manifest: ClipManifest, lost: ManifestSegment, stream: Stream, frames: int) -> Gap:
    return Gap(
        stream=stream,
        cause=GapCause.disk,
        boot_id=manifest.boot_id,
        start_mono_ns=lost.start_mono_ns,
        end_mono_ns=lost.end_mono_ns,
        start_utc_ns=lost.start_utc_ns,
        end_utc_ns=lost.start_utc_ns + lost.end_mono_ns - lost.start_mono_ns,
        missing_frames=frames,
    )
