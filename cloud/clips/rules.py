"""What the cloud wants of a clip, pure: the decision on raw segments, which objects a manifest names, when a clip is stored."""

from __future__ import annotations

from collections.abc import Collection, Container, Iterable
from dataclasses import dataclass
from enum import StrEnum

from shared.clip import ClipManifest, MissingObject, RawDecision, RawPolicy, chunk_count
from shared.errors import Refused
from shared.event import EventCause
from shared.review import Verdict

PROXY = "proxy"
SEGMENT = "segment"
REOPENED = "reopened"
"""Kept in place of a RawDecision: the bed was told `released`, a later verdict wants the raw segments after all."""


@dataclass(frozen=True, slots=True)
class WantedObject:
    """One object that a manifest names; `stream` is a proxy's, None for a segment."""

    sha256: str
    size_bytes: int
    kind: str
    stream: str | None


def policy_for(cause: EventCause, policy: RawPolicy) -> RawPolicy:
    """What the site's policy is for this event: the raw segments of a pull are wanted always, a person asked for them."""
    return RawPolicy.always if cause is EventCause.pull else policy


def raw_decision(policy: RawPolicy, verdict: Verdict | None) -> RawDecision:
    """What the bed shall do with the raw segments: the site's policy, and under `on_confirm` the label so far."""
    if policy is RawPolicy.always or (policy is RawPolicy.on_confirm and verdict is Verdict.confirmed):
        return RawDecision.send
    if policy is RawPolicy.never or verdict is Verdict.rejected:
        return RawDecision.released
    return RawDecision.wait


def objects_of(manifest: ClipManifest) -> list[WantedObject]:
    """The manifest's objects, proxies first, each hash once. Raises Refused when one hash has two sizes."""
    found: dict[str, WantedObject] = {}
    proxies = (WantedObject(item.sha256, item.size_bytes, PROXY, item.stream.value) for item in manifest.proxies)
    segments = (WantedObject(item.sha256, item.size_bytes, SEGMENT, None) for item in manifest.segments)
    for item in (*proxies, *segments):
        twin = found.setdefault(item.sha256, item)
        if twin.size_bytes != item.size_bytes:
            raise Refused(f"The manifest names object {item.sha256[:12]}… with two sizes.", sha256=item.sha256)
    return list(found.values())


@dataclass(frozen=True, slots=True)
class ClipProgress:
    """How much of a clip is stored. `complete`: all that is wanted is stored, so the bed's pins may go."""

    proxies_stored: int
    segments_stored: int
    bytes_stored: int
    watchable: bool
    complete: bool


def progress(wanted: Iterable[WantedObject], stored: Collection[str], raw: RawDecision) -> ClipProgress:
    """Counts what of `wanted` is in `stored` (hashes). While the raw segments may still be wanted nothing is complete."""
    items = list(wanted)
    here = [item for item in items if item.sha256 in stored]
    proxies = sum(item.kind == PROXY for item in items)
    proxies_here = sum(item.kind == PROXY for item in here)
    all_here = len(here) == len(items)
    watchable = proxies_here == proxies and proxies > 0
    complete = all_here if raw is RawDecision.send else (raw is RawDecision.released and proxies_here == proxies)
    return ClipProgress(
        proxies_here, len(here) - proxies_here, sum(item.size_bytes for item in here), watchable, complete
    )


def lacking(sha256: str, size_bytes: int, came: Container[int]) -> MissingObject:
    """The object and which of its chunks did not come yet."""
    return MissingObject(sha256=sha256, chunks=[k for k in range(chunk_count(size_bytes)) if k not in came])


class ManifestChange(StrEnum):
    """What a manifest means beside the one that is kept."""

    same = "same"
    replaces = "replaces"
    """It is kept from now on; a clip that was stored is stored again once the new bytes are."""
    covered = "covered"
    """The kept one says more, and all that this one names is stored: nothing changes, and `stored` is true of it too."""
    contradicts = "contradicts"
    """It leaves out what is stored and names what is not: a person must look."""


def manifest_change(
    new: Iterable[WantedObject], kept: Iterable[WantedObject], stored: Collection[str], *, clip_stored: bool
) -> ManifestChange:
    """Until the clip is stored any other manifest replaces the kept one; after that only one that leaves no segment out."""
    named, known = set(new), set(kept)
    if not clip_stored:
        return ManifestChange.replaces
    segments = {item for item in known if item.kind == SEGMENT}
    if segments <= named:
        return ManifestChange.replaces
    if all(item.sha256 in stored for item in named):
        return ManifestChange.covered
    return ManifestChange.contradicts


def chunk_bytes(size_bytes: int, number: int, chunk_size: int) -> int:
    """Bytes of chunk `number` of an object. Raises Refused when the object has no such chunk."""
    count = chunk_count(size_bytes)
    if not 0 <= number < count:
        raise Refused(f"chunk: the object has chunks 0 to {count - 1}, not {number}.")
    return min(chunk_size, size_bytes - number * chunk_size)
