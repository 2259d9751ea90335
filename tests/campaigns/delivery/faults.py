"""A row of faults in one house: events before, in and after each fault; after each the house is judged, at the end by the checkers too."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from tests.campaigns.delivery.house import House, Wishes
from tests.campaigns.delivery.judge import judge
from tests.campaigns.delivery.kills import tell_deaths
from tests.campaigns.delivery.tally import Tally

Fault = Callable[[House], None]
"""Breaks something, feeds events meanwhile, heals it. What it waits for in vain is a complaint."""


def in_a_row(tally: Tally, trial: str, faults: Mapping[str, Fault], seed: int, wishes: Wishes | None = None) -> None:
    """One judgement for each fault. The house goes on with the next one."""
    tally.seeds[trial] = seed
    with House(wishes or Wishes(), seed) as house:
        for name, fault in faults.items():
            house.feed(1)
            try:
                fault(house)
            except AssertionError as error:
                tally.complain(f"{trial}, {name}", str(error)[:3000])
            tally.faults[name] += 1
            judge(house, checked=False).into(tally, f"{trial}: {name}", last=False)
            tally.say(f"{trial}: {name}")
        tell_deaths(house, tally)
        judge(house).into(tally, trial)
