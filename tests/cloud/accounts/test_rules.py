"""Rights by role, ends of sessions, and how long a login waits."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from cloud.accounts.rules import (
    ABSOLUTE_END_NS,
    IDLE_END_NS,
    LOGIN_WINDOW_NS,
    RIGHTS,
    Right,
    Role,
    login_wait_s,
    may,
    session_ended,
)


@dataclass
class Times:
    created_utc_ns: int
    used_utc_ns: int


def test_every_role_has_a_row_and_an_unknown_role_has_no_right() -> None:
    assert set(RIGHTS) == set(Role)
    assert not any(may(frozenset({"visitor"}), right) for right in Right)


def test_a_data_protection_officer_sees_no_patient() -> None:
    assert not any(may(frozenset({"dpo"}), right) for right in Right)


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
    assert session_ended(Times(created, used), now) is ended


@pytest.mark.parametrize(
    ("failures", "now", "wait_s"),
    [(4, 0, 0), (5, 0, 300), (5, LOGIN_WINDOW_NS - 1, 1), (5, LOGIN_WINDOW_NS, 0), (900, 1, 300)],
)
def test_the_sixth_try_waits_for_the_window_to_end(failures: int, now: int, wait_s: int) -> None:
    assert login_wait_s(failures, 5, 0, now) == wait_s
