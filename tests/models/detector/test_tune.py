"""Tuning: the trigger that finds the paroxysms and leaves the rest."""

from __future__ import annotations

from models.detector.nights import truths_of
from models.detector.tune import Scored, judged, tune
from models.evaluation.choosing import Outcome, outcome_of, rule_at
from shared.clock import NS_PER_S
from shared.score import Score
from shared.ward import Deed, Episode, Night

SEIZURE = Night(1, 1, 300.0, (Episode(Deed.hypermotor, 100.0, 30.0),))
SLEEP = Night(2, 1, 3600.0, (Episode(Deed.turning, 1000.0, 6.0),))


def scored(night: Night, in_paroxysm: float, in_other: float) -> Scored:
    """Scores that are high within the deeds of the night, three a second."""
    spans = {(truth.start_s, truth.end_s): in_paroxysm for truth in truths_of(night)}
    spans |= {(e.start_s, e.end_s): in_other for e in night.episodes if (e.start_s, e.end_s) not in spans}
    scores = []
    for index in range(1, int(night.duration_s * 3)):
        value = next((v for (start, end), v in spans.items() if start <= index / 3 < end), 0.02)
        mono_ns = index * NS_PER_S // 3
        scores.append(Score(mono_ns=mono_ns, utc_ns=0, value=value, motor_types={"quiet": 1.0}, release="in-training"))
    return Scored(night, scores)


def outcome(open_at: float, length_s: float, seizure: Scored, sleep: Scored) -> Outcome:
    rule = rule_at(open_at, length_s)
    return outcome_of([judged(seizure, "seizures", rule), judged(sleep, "ordinary", rule)])


def test_an_outcome_counts_found_paroxysms_and_false_events_an_hour() -> None:
    seizure, sleep = scored(SEIZURE, 0.9, 0.0), scored(SLEEP, 0.9, 0.9)
    loose, tight = outcome(0.3, 1.0, seizure, sleep), outcome(0.3, 8.0, seizure, sleep)
    assert (loose.true, loose.found, loose.ordinary_per_h) == (1, 1, 1.0)
    assert (tight.true, tight.found, tight.ordinary_per_h) == (1, 1, 0.0)


def test_the_tuned_rule_finds_the_paroxysm_and_lets_the_turn_pass() -> None:
    rule, chosen = tune([scored(SEIZURE, 0.75, 0.0)], [scored(SLEEP, 0.0, 0.55)], [])
    assert (chosen.found, chosen.ordinary_per_h) == (1, 0.0)
    assert rule.open_at <= 0.75
