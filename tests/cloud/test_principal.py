"""Who sees which sites."""

from __future__ import annotations

import pytest

from cloud.principal import ALL_SITES, Principal
from shared.errors import Refused

NURSE = Principal("nurse", "person", frozenset({"clinician"}), frozenset({"north", "east"}))


def test_a_person_and_a_bed_see_their_sites_alone() -> None:
    bed = Principal.bed("north", "bed-1")
    assert (NURSE.sees("north"), NURSE.sees("south"), bed.sees("north"), bed.sees("east")) == (True, False, True, False)
    assert NURSE.site_filter() == {"site__in": ["east", "north"]}
    assert bed.name == "north.bed-1"


def test_only_the_system_sees_all_sites() -> None:
    assert Principal.system("worker").sees("anywhere")
    assert Principal.system("worker").site_filter() == {}
    forged = Principal("x", "person", frozenset(), frozenset({ALL_SITES}))
    assert not forged.sees("north")
    assert forged.site_filter() == {"site__in": []}


def test_a_principal_without_sites_sees_nothing() -> None:
    assert Principal("x", "person").site_filter() == {"site__in": []}


def test_a_refusal_sounds_like_absence() -> None:
    NURSE.must_see("north")
    with pytest.raises(Refused) as caught:
        NURSE.must_see("south")
    assert "south" not in caught.value.sentence
