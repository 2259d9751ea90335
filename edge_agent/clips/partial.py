"""A clip that lost a segment at the bed says so: which one, which span and frames it held, and why."""

from __future__ import annotations

from shared.clip import ClipManifest, LostSegment


def without_segment(manifest: ClipManifest, sha256: str, reason: str) -> ClipManifest:
    """The manifest with this segment among the lost ones; unchanged when it does not name it.

    Gaps and coverage stay: they tell what was recorded, and what the proxies show.
    """
    lost = [
        LostSegment(
            sha256=sha256,
            sequence=segment.sequence,
            start_mono_ns=segment.start_mono_ns,
            end_mono_ns=segment.end_mono_ns,
            frames=segment.frames,
            reason=reason,
        )
        for segment in manifest.segments
        if segment.sha256 == sha256
    ]
    kept = [segment for segment in manifest.segments if segment.sha256 != sha256]
    return manifest.model_copy(update={"segments": kept, "lost": [*manifest.lost, *lost]})
