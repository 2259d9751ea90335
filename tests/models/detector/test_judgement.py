"""From a trial to figures and a release: a missed floor is none, each figure says what it rests on, a kept result is not computed again."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from models.detector.course import write_control
from models.detector.figures import figures_of, metrics_of
from models.detector.judgement import Result, evaluate_release, release_of
from models.detector.lessons import fingerprint
from models.detector.tables import document_of, lines_of
from models.detector.trial import CONTROL_NAME, Trial, quick_set, robustness, try_release
from models.evaluation.contenders import BASELINES
from models.evaluation.curve import curve_rules
from models.evaluation.disturbances import DISTURBANCES
from models.evaluation.judge import judge
from models.evaluation.recording import Event, Recording
from models.evaluation.simulated import Case, judging, recording_of
from shared.errors import Refused
from shared.release import card_path, load_card, save_card, sha256_of
from shared.results import Figure
from shared.trigger import TriggerRule
from shared.ward import Night
from tests.edge_agent.detection.networks import put_release
from tests.models.evaluation.scenes import event

RULE = TriggerRule(open_at=0.6, close_at=0.3, min_length_s=3)
RELEASE = "detector-v0"


def trial(found: int, false: int, control: int = 0) -> Trial:
    """The quick set, in which the release finds the first `found` paroxysms after 5 s and opens `false` events in ordinary sleep."""
    recordings = [recording_of(case) for case in quick_set()]
    ordinary = next(each for each in recordings if each.sort == "ordinary")

    def mine(index: int, each: Recording) -> list[Event]:
        if each.sort == "seizures" and index < found:
            start_s = each.truths[0].start_s
            return [event(start_s + 2, start_s + 12, decided_s=start_s + 5)]
        return [event(200.0 * k + 9, 200.0 * k + 20) for k in range(false)] if each is ordinary else []

    judged = [judge(each, mine(index, each)) for index, each in enumerate(recordings)]
    nothing = [judge(each, []) for each in recordings]
    stray = [judge(each, [event(50, 60)] if index < control else []) for index, each in enumerate(recordings)]
    rules = (RULE, *curve_rules(RULE))
    return Trial(
        RELEASE,
        "a-ward",
        {RELEASE: rules, CONTROL_NAME: (RULE,), **dict.fromkeys(BASELINES, rules)},
        {RELEASE: [judged] * len(rules), CONTROL_NAME: [stray], **dict.fromkeys(BASELINES, [nothing] * len(rules))},
    )


def result(tried: Trial) -> Result:
    return Result(figures_of(tried), metrics_of(tried), document_of(tried, {}), Path("nowhere"), fresh=True)


@pytest.fixture
def candidate(tmp_path: Path) -> Path:
    write_control(tmp_path, RULE)
    return tmp_path


def test_a_trial_that_holds_its_floors_puts_its_figures_into_the_card(candidate: Path) -> None:
    card = release_of(candidate, CONTROL_NAME, result(trial(found=18, false=2)))
    share = card.metrics["sensitivity_all"]
    assert (share.value, share.n, share.low, share.high) == (0.9, 20, 0.699, 0.972)
    assert card.metrics["sensitivity_tonic_clonic"].n == 4
    assert card.metrics["false_events_per_h"].value == 1.0
    assert card.metrics["latency_median_s"].value == 5.0


@pytest.mark.parametrize(
    ("tried", "missed"),
    [
        (trial(17, 0), "found_seizures"),
        (trial(20, 3), "false_events_ordinary"),
        (trial(20, 0, control=1), "random_weights_events"),
    ],
)
def test_a_missed_floor_is_refused_by_name(candidate: Path, tried: Trial, missed: str) -> None:
    with pytest.raises(Refused, match=missed):
        release_of(candidate, CONTROL_NAME, result(tried))


def test_a_card_that_hides_its_simulation_is_no_release(candidate: Path) -> None:
    path = card_path(candidate, CONTROL_NAME)
    save_card(load_card(path).model_copy(update={"limits": ("sees movement only",)}), path)
    with pytest.raises(Refused, match="none of its limits says so"):
        release_of(candidate, CONTROL_NAME, result(trial(20, 0)))


def test_the_figures_carry_the_names_that_others_read() -> None:
    figures = figures_of(trial(found=18, false=2))
    kinds = ("tonic_clonic", "hyperkinetic", "automotor", "tonic", "all")
    wanted = {f"sensitivity_{kind}" for kind in kinds} | {f"fa_per_h_{kind}" for kind in kinds}
    wanted |= {"false_events_per_h", "latency_median_s", "latency_median_s_tonic_clonic", "false_bytes_share"}
    wanted |= {"ictal_seconds_inside_share", "test_patients", "test_hours", "test_seizures"}
    wanted |= {f"baseline_band_power_{word}" for word in ("sensitivity_all", "fa_per_h", "sawing_fa_per_h")}
    assert wanted <= set(figures)
    assert (figures["fa_per_h_tonic"].value, figures["fa_per_h_hyperkinetic"].value) == (1.0, 0.0)
    assert figures["sensitivity_all"].holds is False


def test_a_trial_on_a_patient_of_the_training_is_refused_by_name_before_anything_is_played(tmp_path: Path) -> None:
    leaked = Case(Night(10_003, 1, 60.0, ()), "ordinary")
    with pytest.raises(Refused, match="Patient 10003 is in the splits train and test"):
        try_release(tmp_path, "detector-none", None, [*quick_set(), leaked], print, tmp_path)
    with pytest.raises(Refused, match="Patient 10003"):
        robustness(tmp_path, "detector-none", quick_set(), print, tmp_path, {"second_person": [leaked]})


def test_robustness_has_a_row_for_each_disturbance_and_each_variant_of_the_ward(tmp_path: Path) -> None:
    put_release(tmp_path)
    night = Case(Night(30_001, 1, 6.0, ()), "ordinary")
    rows = robustness(tmp_path, "brightness", [night], lambda _: None, tmp_path / "kept", {"no_blanket": [night]})
    assert set(rows) == {"as_it_is", "no_blanket", *DISTURBANCES}
    assert all(len(judged) == 1 for judged in rows.values())


def test_what_was_not_measured_says_so_and_holds_no_goal() -> None:
    figure = figures_of(trial(found=0, false=0))["latency_median_s"]
    assert (figure.value, figure.holds) == ("not measured", False)


def test_the_tables_are_json_and_name_every_contender_and_confounder() -> None:
    document = document_of(trial(found=18, false=2), {})
    json.dumps(document, allow_nan=False)
    told = "\n".join(lines_of(document))
    assert all(word in told for word in (RELEASE, *BASELINES, "sawing", "staff_care"))


def test_a_result_kept_for_the_same_file_ward_and_program_is_read(candidate: Path, tmp_path: Path) -> None:
    sha256 = sha256_of(candidate / f"{CONTROL_NAME}.onnx")
    path = tmp_path / f"{CONTROL_NAME}-{sha256[:12]}-{fingerprint()[:12]}-quick.json"
    figures = {"sensitivity_all": {"value": 0.5, "unit": "share", "goal": "", "holds": None}}
    path.write_text(json.dumps({"program": judging(), "finished": "then", "figures": figures, "metrics": {}}))
    found = evaluate_release(candidate, CONTROL_NAME, tmp_path, "quick", lambda _: None)
    assert not found.fresh
    assert found.figures == {"sensitivity_all": Figure(0.5, "share")}
