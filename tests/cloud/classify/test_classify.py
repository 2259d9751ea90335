"""The classification of an event on real parts: written once, ranked, parked after three crashes, tried again when parts are away."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import numpy as np
import pytest
import torch

from cloud.classify import clip_classifier
from cloud.classify.clip_classifier import ClipClassifier, Stopped
from cloud.classify.service import ClassifyParts, classify_event
from cloud.classify.tables import Classification, ClassifyTry
from cloud.review.tables import ReviewTask
from models.i3d.artefact import input_spec, save_networks
from models.i3d.head import ClipHead
from models.i3d.network import I3D
from shared.errors import Transient
from shared.release import ReleaseCard, TrainingData, card_path, save_card, sha256_of
from tests.cloud.classify.proxies import write_proxy
from tests.cloud.people_house import House

NAME = "i3d-untrained"
CLASSES = ("FLE", "TLE", "non-epileptic")


@pytest.fixture(scope="module")
def releases(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one untrained classifier: what it says means nothing, how it is run is the same."""
    folder = tmp_path_factory.mktemp("releases")
    torch.manual_seed(1)
    network = I3D(classes=3, width=0.125)
    file = folder / f"{NAME}.safetensors"
    save_networks(file, network, ClipHead(network.features, 3))
    card = ReleaseCard(
        name=NAME,
        kind="classifier",
        version="0",
        file=file.name,
        sha256=sha256_of(file),
        input=input_spec(3),
        classes=CLASSES,
        data=TrainingData(source="nothing", patients=0, hours=0, simulated=True, split="none"),
        limits=("untrained",),
        intended_use="research only",
        created=datetime(2026, 1, 1, tzinfo=UTC),
    )
    save_card(card, card_path(folder, NAME))
    return folder


@pytest.fixture
async def parts(house: House, releases: Path) -> AsyncIterator[ClassifyParts]:
    classifier = ClipClassifier(releases, NAME)
    yield ClassifyParts(house.objects, classifier, house.clock)
    classifier.close()


async def filmed_event(house: House, video: bytes | None = None) -> UUID:
    """An event whose stored proxy is a real video of two frames."""
    event_id = await house.event()
    if video is None:
        path = house.folder / "ir.mp4"
        write_proxy(path, [np.full((48, 64), 90, np.uint8)] * 2)
        video = path.read_bytes()
    await house.clip(event_id, video)
    return event_id


async def test_an_event_is_classified_once_and_ranked_by_it(house: House, parts: ClassifyParts) -> None:
    event_id = await filmed_event(house)
    assert await classify_event(event_id, parts)
    assert not await classify_event(event_id, parts)
    row = await Classification.get(event_id=event_id)
    assert set(row.probabilities) == set(CLASSES)
    assert sum(row.probabilities.values()) == pytest.approx(1.0, abs=1e-4)
    assert row.probabilities[row.best] == max(row.probabilities.values())
    assert (row.release, row.simulated, row.frames) == (NAME, True, 2)
    assert [window["start_ns"] for window in row.windows] == [10]
    assert "classifier" in (await ReviewTask.get(event_id=event_id)).rank_reason
    assert await ClassifyTry.all().count() == 0
    assert ("system:classify", "event_classified", str(event_id)) in await house.deeds("north")


async def test_of_two_workers_at_the_same_moment_one_writes(house: House, parts: ClassifyParts) -> None:
    event_id = await filmed_event(house)
    written = await asyncio.gather(classify_event(event_id, parts), classify_event(event_id, parts))
    assert sorted(written) == [False, True]
    assert await Classification.all().count() == 1


async def test_an_event_without_a_stored_proxy_is_left_alone(house: House, parts: ClassifyParts) -> None:
    event_id = await house.event()
    await house.clip(event_id, stored=False)
    assert not await classify_event(event_id, parts)
    assert await ClassifyTry.all().count() == 0


async def test_a_proxy_that_cannot_be_read_is_parked_with_its_fault(house: House, parts: ClassifyParts) -> None:
    event_id = await filmed_event(house, b"not a video at all")
    assert not await classify_event(event_id, parts)
    row = await ClassifyTry.get(event_id=event_id)
    assert row.parked
    assert "cannot be decoded" in row.last_fault
    assert not await classify_event(event_id, parts)


async def test_a_clip_whose_worker_ended_three_times_is_parked(house: House, parts: ClassifyParts) -> None:
    event_id = await filmed_event(house)
    await ClassifyTry.create(event_id=event_id, site="north", release=NAME, tries=3, last_fault="")
    assert not await classify_event(event_id, parts)
    assert (await ClassifyTry.get(event_id=event_id)).parked
    assert await Classification.all().count() == 0


async def test_a_worker_that_dies_leaves_its_mark(
    house: House, parts: ClassifyParts, monkeypatch: pytest.MonkeyPatch
) -> None:
    event_id = await filmed_event(house)

    def dies(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr(clip_classifier, "grey_frames", dies)
    for tries in (1, 2, 3):
        with pytest.raises(MemoryError):
            await classify_event(event_id, parts)
        assert (await ClassifyTry.get(event_id=event_id)).tries == tries
    assert not await classify_event(event_id, parts)
    assert (await ClassifyTry.get(event_id=event_id)).parked


async def test_a_missing_release_is_no_fault_of_the_clip(house: House, releases: Path) -> None:
    event_id = await filmed_event(house)
    folder = house.folder / "later"
    folder.mkdir()
    classifier = ClipClassifier(folder, NAME)
    parts = ClassifyParts(house.objects, classifier, house.clock)
    for _ in range(5):
        with pytest.raises(Transient, match="cannot be loaded"):
            await classify_event(event_id, parts)
    for file in releases.iterdir():
        shutil.copy(file, folder)
    assert await classify_event(event_id, parts)
    classifier.close()


async def test_a_worker_that_is_asked_to_end_stops_at_the_next_frame_and_counts_nothing(
    house: House, parts: ClassifyParts, monkeypatch: pytest.MonkeyPatch
) -> None:
    event_id = await filmed_event(house)
    loop, begun = asyncio.get_running_loop(), asyncio.Event()
    ended: list[type[BaseException]] = []
    whole = clip_classifier._stoppable

    def endless(*_: object) -> object:
        while True:
            loop.call_soon_threadsafe(begun.set)
            yield np.zeros((48, 64), np.uint8)

    def noted(*given: object) -> object:
        try:
            yield from whole(*given)  # type: ignore[arg-type]
        except Stopped:
            ended.append(Stopped)
            raise

    monkeypatch.setattr(clip_classifier, "grey_frames", endless)
    monkeypatch.setattr(clip_classifier, "_stoppable", noted)
    monkeypatch.setattr(clip_classifier, "on_grid", lambda frames, _times: frames)
    work = asyncio.create_task(classify_event(event_id, parts))
    await begun.wait()
    work.cancel()
    with pytest.raises(asyncio.CancelledError):
        await work
    parts.classifier.close()
    assert ended == [Stopped]
    assert (await ClassifyTry.get(event_id=event_id)).tries == 0
