"""Who may do what, how long a session lasts and how often a password may be tried: pure rules without clock or database."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import StringConstraints

from shared.clock import NS_PER_S

AccountName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9](?:[a-z0-9._-]{0,62}[a-z0-9])?$", max_length=64)]

IDLE_END_NS = 30 * 60 * NS_PER_S
ABSOLUTE_END_NS = 12 * 3600 * NS_PER_S
TOUCH_STEP_NS = 60 * NS_PER_S
"""A session's last use is written at most once in this time, so that reading costs no write."""

LOGIN_WINDOW_NS = 5 * 60 * NS_PER_S
LOGIN_FAILURES_PER_ACCOUNT = 5
LOGIN_FAILURES_PER_ADDRESS = 20

BROKEN_GLASS_NS = 3600 * NS_PER_S
"""How long a person sees a site after breaking the glass, if the session lasts so long."""
BROKEN_GLASS = "broken_glass"
"""What the glass lets through is a role of its own, which nobody can be granted."""


class Role(StrEnum):
    """What a person is here for in a site."""

    clinician = "clinician"
    scientist = "scientist"
    ops = "ops"
    dpo = "dpo"
    admin = "admin"


class Right(StrEnum):
    """One thing that a role may do."""

    see_events = "see_events"
    give_verdicts = "give_verdicts"
    see_beds = "see_beds"
    see_patient_codes = "see_patient_codes"
    run_stays = "run_stays"
    see_dead_letters = "see_dead_letters"
    ask_pulls = "ask_pulls"
    watch_live = "watch_live"
    run_references = "run_references"
    set_policies = "set_policies"
    see_audit = "see_audit"
    use_datasets = "use_datasets"
    see_releases = "see_releases"
    upload_releases = "upload_releases"
    run_releases = "run_releases"


RIGHTS: dict[str, frozenset[Right]] = {
    Role.clinician: frozenset(
        {
            Right.see_events,
            Right.give_verdicts,
            Right.see_beds,
            Right.see_patient_codes,
            Right.run_stays,
            Right.ask_pulls,
            Right.watch_live,
            Right.run_references,
        }
    ),
    Role.scientist: frozenset({Right.see_events, Right.use_datasets, Right.see_releases, Right.upload_releases}),
    Role.ops: frozenset({Right.see_beds, Right.see_dead_letters, Right.see_releases, Right.run_releases}),
    Role.dpo: frozenset({Right.see_audit}),
    Role.admin: frozenset(Right),
    BROKEN_GLASS: frozenset({Right.see_events, Right.see_beds, Right.see_patient_codes}),
}


def roles_with(right: Right) -> frozenset[str]:
    """The roles that hold the right."""
    return frozenset(str(role) for role, rights in RIGHTS.items() if right in rights)


def may(roles: frozenset[str], right: Right) -> bool:
    """Whether all of these roles hold the right: whoever has two roles in two sites is shown what both may see."""
    return bool(roles) and roles <= roles_with(right)


def session_ended(created_utc_ns: int, used_utc_ns: int, now_ns: int) -> bool:
    """Idle for 30 minutes, or 12 hours old: whichever comes first."""
    return now_ns - used_utc_ns >= IDLE_END_NS or now_ns - created_utc_ns >= ABSOLUTE_END_NS


def login_wait_s(failures: int, limit: int, window_started_ns: int, now_ns: int) -> int:
    """Seconds until the next try is taken; 0: now. `failures` were counted since `window_started_ns`."""
    left_ns = window_started_ns + LOGIN_WINDOW_NS - now_ns
    if left_ns <= 0 or failures < limit:
        return 0
    return max(1, -(-left_ns // NS_PER_S))
