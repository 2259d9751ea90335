"""Workers that die or hang in a job, and a job that kills every worker: it is parked after three; every other effect comes once.

The network itself is played (a fixed answer): what is tried is the queue, the taking over, the parking and the writing.
"""

from __future__ import annotations

import signal
from uuid import UUID

from tests.campaigns.delivery.house import House, Wishes
from tests.campaigns.delivery.judge import judge, settle
from tests.campaigns.delivery.kills import tell_deaths
from tests.campaigns.delivery.programs import Program
from tests.campaigns.delivery.tally import Tally

WORKERS = "workers that die, hang and come back"
TAKEN_OVER_S = 120.0
PARKED_S = 300.0


def worker_faults(tally: Tally, seed: int) -> None:
    """All of them in one house."""
    tally.seeds[WORKERS] = seed
    with House(Wishes(beds=("bed-1",)), seed) as house:
        first = house.programs["worker"]
        second = house.add_program("worker-2", list(first.words))
        _always_dies(house, tally, first)
        _hangs(house, tally, first, second)
        _killed(house, tally, first)
        twins = house.rows("SELECT event_id FROM classification GROUP BY event_id, release HAVING count(*) > 1")
        tally.expect(WORKERS, not twins, f"{len(twins)} events were classified twice")
        tell_deaths(house, tally)
        judge(house).into(tally, WORKERS)


def _new_event(house: House) -> UUID:
    event_id = house.beds["bed-1"].feeder.feed(1)[0]
    settle(house)
    return event_id


def _always_dies(house: House, tally: Tally, worker: Program) -> None:
    """Each worker that takes the job is killed in it."""
    _new_event(house)
    worker.mutation = "classify_dies"
    worker.start(house.nursery)
    house.wait(lambda: house.rows("SELECT 1 FROM classify_try WHERE parked"), "the parked job", PARKED_S)
    deaths = len(worker.ends)
    tally.expect(WORKERS, deaths == 3, f"{deaths} workers died before the job was parked, not 3")
    tally.faults["worker killed by its job"] += deaths
    worker.ends.clear()
    worker.kill(house.nursery)


def _begun(house: House, event_id: UUID) -> bool:
    return bool(house.rows("SELECT 1 FROM classify_try WHERE event_id = $1", event_id))


def _classified(house: House, event_id: UUID) -> bool:
    return bool(house.rows("SELECT 1 FROM classification WHERE event_id = $1", event_id))


def _hangs(house: House, tally: Tally, first: Program, second: Program) -> None:
    """Frozen in the job; another worker does it; then the first one wakes up and ends its own."""
    event_id = _new_event(house)
    first.mutation, second.mutation = "classify_slow", "classify_played"
    first.start(house.nursery)
    house.wait(lambda: _begun(house, event_id), "the job's begin", TAKEN_OVER_S)
    first.signal(signal.SIGSTOP)
    second.start(house.nursery)
    house.wait(lambda: _classified(house, event_id), "the other worker's answer", TAKEN_OVER_S)
    first.signal(signal.SIGCONT)
    house.rest(6.0)
    first.kill(house.nursery)
    second.kill(house.nursery)
    tally.faults["worker hangs in a job (SIGSTOP), wakes up later"] += 1


def _killed(house: House, tally: Tally, worker: Program) -> None:
    """kill -9 in the job; the next worker does it."""
    event_id = _new_event(house)
    worker.mutation = "classify_slow"
    worker.start(house.nursery)
    house.wait(lambda: _begun(house, event_id), "the job's begin", TAKEN_OVER_S)
    worker.mutation = "classify_played"
    worker.kill(house.nursery, again=True)
    house.wait(lambda: _classified(house, event_id), "the next worker's answer", TAKEN_OVER_S)
    tally.faults["kill -9 of worker in a job"] += 1
