"""Rights by role, ends of sessions, and how long a login waits."""

from __future__ import annotations

import pytest

from cloud.accounts.rules import (
    ABSOLUTE_END_NS,
    BROKEN_GLASS,
    IDLE_END_NS,
    LOGIN_WINDOW_NS,
    RIGHTS,
    Right,
    Role,
    login_wait_s,
    may,
    session_ended,
)


def test_every_role_has_a_row_and_an_unknown_role_has_no_right() -> None:
    assert set(RIGHTS) == {*Role, BROKEN_GLASS}
    for right in Right:
        assert not may(frozenset(), right)
        assert not may(frozenset({"visitor"}), right)


def test_who_has_two_roles_may_what_both_may() -> None:
    both = frozenset({"clinician", "scientist"})
    assert may(both, Right.see_events)
    assert not may(both, Right.see_patient_codes)


def test_a_data_protection_officer_sees_the_audit_log_and_no_patient() -> None:
    assert {right for right in Right if may(frozenset({"dpo"}), right)} == {Right.see_audit}


def test_the_broken_glass_lets_see_and_not_do() -> None:
    assert RIGHTS[BROKEN_GLASS] == {Right.see_events, Right.see_beds, Right.see_patient_codes}
    assert BROKEN_GLASS not in set(Role)


@pytest.mark.parametrize(
    ("created", "used", "now", "ended"),
    [
        (0, 0, IDLE_END_NS - 1, False),
        (0, 0, IDLE_END_NS, True),
        (0, ABSOLUTE_END_NS - 1, ABSOLUTE_END_NS - 1, False),
        (0, ABSOLUTE_END_NS - 1, ABSOLUTE_END_NS, True),
    ],
)
def test_a_session_ends_when_idle_and_when_old(created: int, used: int, now: int, ended: bool) -> None:
    assert session_ended(created, used, now) is ended


@pytest.mark.parametrize(
    ("failures", "now", "wait_s"),
    [(4, 0, 0), (5, 0, 300), (5, LOGIN_WINDOW_NS - 1, 1), (5, LOGIN_WINDOW_NS, 0), (900, 1, 300)],
)
def test_the_sixth_try_waits_for_the_window_to_end(failures: int, now: int, wait_s: int) -> None:
    assert login_wait_s(failures, 5, 0, now) == wait_s
