"""The broker is disposable: it is killed, its data are wiped or damaged, its queue holds ten, nobody listens. Nothing may be lost."""

from __future__ import annotations

import os
import signal

from tests.campaigns.delivery.faults import Fault, in_a_row
from tests.campaigns.delivery.house import House
from tests.campaigns.delivery.tally import Tally

BROKER = "broker"
STORE = "mosquitto.db"


def broker_faults(tally: Tally, seed: int) -> None:
    """Each of them once."""
    faults: dict[str, Fault] = {
        "broker killed": killed,
        "broker killed again and again": flapping,
        "broker's data wiped": wiped,
        "broker's store corrupted": corrupted,
        "broker's queue holds 10, the ingester is away": short_queue,
        "nobody listens at the broker": nobody_listens,
        "broker frozen (SIGSTOP)": frozen,
    }
    in_a_row(tally, "broker faults", faults, seed)


def killed(house: House) -> None:
    """Down for two seconds while events come."""
    house.programs[BROKER].kill(house.nursery)
    house.feed(3)
    house.rest(2.0)
    house.programs[BROKER].start(house.nursery)


def flapping(house: House) -> None:
    """Six times within seconds."""
    for _ in range(6):
        house.feed(1)
        house.restart(BROKER)
        house.rest(house.dice.uniform(0.2, 1.0))


def wiped(house: House) -> None:
    """All that it kept on its disk is gone."""
    house.feed(3)
    house.programs[BROKER].kill(house.nursery)
    (house.broker_folder / STORE).unlink(missing_ok=True)
    house.feed(1)
    house.programs[BROKER].start(house.nursery)


def corrupted(house: House) -> None:
    """It does not start on damaged data; they are put aside, as operations do."""
    house.feed(3)
    broker, store = house.programs[BROKER], house.broker_folder / STORE
    broker.kill(house.nursery)
    store.write_bytes(os.urandom(4096))
    broker.start(house.nursery)
    house.rest(1.5)
    broker.kill(house.nursery)
    store.replace(store.with_suffix(".aside"))
    broker.ends.clear()
    broker.start(house.nursery)


def short_queue(house: House) -> None:
    """A hundred and more messages to a broker that keeps ten for whoever is slow; the ingester hangs, then dies."""
    text = house.broker_file.read_text()
    house.broker_file.write_text(
        text.replace("max_queued_messages 100000", "max_queued_messages 10\nmax_inflight_messages 5")
    )
    house.restart(BROKER)
    house.rest(2.0)
    ingester = house.programs["ingester"]
    ingester.signal(signal.SIGSTOP)
    house.feed(20)
    house.rest(3.0)
    ingester.kill(house.nursery, again=True)
    house.rest(3.0)
    house.broker_file.write_text(text)
    house.restart(BROKER)


def nobody_listens(house: House) -> None:
    """No ingester for a while."""
    house.programs["ingester"].kill(house.nursery)
    house.feed(4)
    house.rest(3.0)
    house.programs["ingester"].start(house.nursery)


def frozen(house: House) -> None:
    """It takes connections and says nothing, until it goes on."""
    broker = house.programs[BROKER]
    broker.signal(signal.SIGSTOP)
    house.feed(3)
    house.rest(6.0)
    broker.signal(signal.SIGCONT)
