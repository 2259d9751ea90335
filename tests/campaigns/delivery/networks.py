"""Faults of the lines between the parts, by our own proxy, and of the database behind them."""

from __future__ import annotations

import time
from functools import partial

from tests.campaigns.delivery.faults import Fault, in_a_row
from tests.campaigns.delivery.house import House
from tests.campaigns.delivery.lines import OPEN, Line, Rule
from tests.campaigns.delivery.tally import Tally

CUT_BYTES = (1, 100, 700, 1_500, 3_000, 6_000)
"""Of what a client says on one connection, the handshake of TLS included."""


def network_faults(tally: Tally, seed: int, partition_s: float) -> None:
    """Each of them once, on the lines of beds and ingester."""
    faults: dict[str, Fault] = {
        f"partition of {partition_s:.0f} s": partial(partition, seconds=partition_s),
        "connections refused": refused,
        "half-open lines": half_open,
        "flapping, half a second on and off": flapping,
        "10 % of the connections reset": tenth_reset,
        "resets at byte N": resets_at_bytes,
        "each piece 50 ms late": late,
    }
    in_a_row(tally, "network faults", faults, seed)


def database_faults(tally: Tally, seed: int, kills: int) -> None:
    """The database is killed, away, frozen, or its answer to COMMIT is lost."""
    faults: dict[str, Fault] = {
        "reply to COMMIT lost": commit_lost,
        "PostgreSQL killed in the middle of transactions": partial(database_killed, kills=kills),
        "PostgreSQL away for 5 s": database_away,
        "PostgreSQL frozen (SIGSTOP)": database_frozen,
    }
    in_a_row(tally, "database faults", faults, seed)


def _of_beds(house: House) -> tuple[Line, ...]:
    return house.to_broker, house.from_broker, house.to_api


def _under(house: House, rule: Rule, seconds: float, *, events: int = 2, lines: tuple[Line, ...] | None = None) -> None:
    """Events come while the lines are under the rule."""
    chosen = lines or _of_beds(house)
    for line in chosen:
        line.rule = rule
        house.lines.cut(line) if rule.refused else None
    deadline_s = time.monotonic() + seconds
    while time.monotonic() < deadline_s:
        if max(sum(bed.left()) for bed in house.beds.values()) < 60:
            house.feed(events)
        house.rest(min(1.0, seconds))
    for line in chosen:
        line.rule = OPEN


def partition(house: House, seconds: float) -> None:
    """Nothing passes and nobody hangs up; then what TCP still holds goes on."""
    _under(house, Rule(stalled=True), seconds)


def refused(house: House) -> None:
    """Nobody takes connections."""
    _under(house, Rule(refused=True), 4.0)


def half_open(house: House) -> None:
    """What is said is swallowed, and nobody says so."""
    _under(house, Rule(half_open=True), 8.0)
    for line in _of_beds(house):
        house.lines.cut(line)


def flapping(house: House) -> None:
    """On and off, each line by itself."""
    lines = list(_of_beds(house))
    for _ in range(8):
        house.feed(1)
        house.dice.shuffle(lines)
        for line in lines:
            line.rule = Rule(refused=True)
            house.lines.cut(line)
            house.rest(0.15)
        for line in lines:
            line.rule = OPEN
        house.rest(0.5)


def tenth_reset(house: House) -> None:
    """One connection in ten ends at a byte drawn by lot; there are many, because each is cut now and then."""
    for line in _of_beds(house):
        line.rule = Rule(reset_share=0.1)
    for _ in range(10):
        house.feed(1)
        house.rest(0.5)
        for line in _of_beds(house):
            house.lines.cut(line)
    for line in _of_beds(house):
        line.rule = OPEN


def resets_at_bytes(house: House) -> None:
    """Every connection ends after the same number of bytes from the client; each number in turn."""
    for cut_bytes in CUT_BYTES:
        _under(house, Rule(reset_after=cut_bytes), 1.5, events=1)


def late(house: House) -> None:
    """A slow line; nothing is cut."""
    _under(house, Rule(delay_s=0.05), 5.0, events=1)


def commit_lost(house: House) -> None:
    """The database commits, the answer does not arrive, the connection ends. Eight times."""
    line = house.to_database
    before = line.counts["replies_lost"]
    for _ in range(4):
        line.rule = Rule(lost_reply=b"COMMIT")
        house.feed(1)
        house.rest(1.0)
        line.rule = OPEN
        house.rest(0.7)
    assert line.counts["replies_lost"] > before, "no reply to a COMMIT was lost"


def database_killed(house: House, kills: int) -> None:
    """kill -9 of the server while the cloud writes."""
    for _ in range(kills):
        house.feed(2)
        house.rest(house.dice.uniform(0.05, 0.6))
        house.restart("postgres")
        house.wait(house.database_answers, "PostgreSQL after its death", 60.0)


def database_away(house: House) -> None:
    """Down while events come."""
    house.programs["postgres"].kill(house.nursery)
    house.feed(3)
    house.rest(5.0)
    house.programs["postgres"].start(house.nursery)
    house.wait(house.database_answers, "PostgreSQL", 60.0)


def database_frozen(house: House) -> None:
    """Its line is stalled: it took the question and says nothing."""
    _under(house, Rule(stalled=True), 5.0, lines=(house.to_database,))
