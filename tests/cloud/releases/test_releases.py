"""Cards of releases: read from the folder, silent when absent, never taken for another's."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from cloud.releases.service import Releases
from shared.release import InputSpec, ReleaseCard, TrainingData, card_path, save_card
from shared.trigger import TriggerRule

CARD = ReleaseCard(
    name="detector-v0",
    kind="detector",
    version="0",
    file="detector-v0.onnx",
    sha256="0" * 64,
    input=InputSpec(streams=("ir",), width=128, height=106, fps=15, preprocessing="preview", inputs=(), outputs=()),
    classes=("quiet", "tonic"),
    trigger=TriggerRule(open_at=0.6, close_at=0.4, min_length_s=3),
    data=TrainingData(source="the simulated ward", patients=4, hours=2, simulated=True, split="by patient"),
    limits=("simulated",),
    intended_use="research only",
    created=datetime(2026, 1, 1, tzinfo=UTC),
)


def test_the_threshold_is_the_score_that_opens_an_event(tmp_path: Path) -> None:
    save_card(CARD, card_path(tmp_path, "detector-v0"))
    assert Releases(tmp_path).threshold_of("detector-v0") == 0.6


def test_a_release_without_a_card_here_has_no_threshold_until_the_card_comes(tmp_path: Path) -> None:
    releases = Releases(tmp_path)
    assert releases.threshold_of("detector-v0") is None
    save_card(CARD, card_path(tmp_path, "detector-v0"))
    assert releases.threshold_of("detector-v0") == 0.6


def test_a_card_under_another_name_is_not_taken(tmp_path: Path) -> None:
    save_card(CARD, card_path(tmp_path, "detector-v1"))
    assert Releases(tmp_path).card("detector-v1") is None
