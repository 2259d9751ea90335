"""Many beds in one process: the shipped outbox, delivery and link of each, in one loop, with a certificate of its own each.

The program `swarm FOLDER`: FOLDER/plan.json names the beds. A bed that got all its receipts is told in FOLDER/settled.
"""

from __future__ import annotations

import json
import random
import select
import time
from pathlib import Path

from edge_agent.database import open_database
from edge_agent.outbox.delivery import Delivery
from edge_agent.outbox.mqtt_client import LinkAddress
from edge_agent.outbox.mqtt_link import MqttLink
from edge_agent.outbox.store import Outbox
from shared.clock import SystemClock
from tests.campaigns.delivery.feeding import SITE
from tests.campaigns.delivery.house import CampaignBed, House, Wishes
from tests.campaigns.delivery.judge import judge
from tests.campaigns.delivery.kills import tell_deaths
from tests.campaigns.delivery.tally import Tally

STORM = "many beds reconnect at once"
SETTLED_S = 60.0


class _Member:
    """One bed of the swarm."""

    def __init__(self, plan: dict[str, str], port: int) -> None:
        self.name = plan["name"]
        connection = open_database(Path(plan["folder"]))
        self.outbox = Outbox(connection, SITE, self.name)
        files = (Path(plan["ca"]), Path(plan["certificate"]), Path(plan["key"]))
        address = LinkAddress("127.0.0.1", port, SITE, self.name, *files)
        clock, dice = SystemClock(), random.Random()
        self.link = MqttLink(address, "campaign", self.outbox.next_session, clock, dice)
        self.delivery = Delivery(connection, self.link, address, clock, dice)

    def turn(self) -> None:
        """Reads, sends."""
        self.delivery.turn()


def run_swarm(arguments: list[str]) -> int:
    """Until it is killed."""
    folder = Path(arguments[0])
    plan = json.loads((folder / "plan.json").read_text())
    members = [_Member(each, plan["port"]) for each in plan["beds"]]
    while True:
        began_s = time.monotonic()
        for member in members:
            member.turn()
        connected = sum(member.link.connected for member in members)
        (folder / "connected.part").write_text(str(connected))
        (folder / "connected.part").replace(folder / "connected")
        select.select([], [], [], max(0.0, 0.1 - (time.monotonic() - began_s)))


def storm(tally: Tally, seed: int, beds: int, storms: int) -> None:
    """The broker dies under them all while each has an event to tell; all come back, and every event arrives once."""
    tally.seeds[STORM] = seed
    names = [f"swarm-{number}" for number in range(beds)]
    with House(Wishes(beds=("bed-1",), uploads=False, named=tuple(names)), seed) as house:
        house.programs["publisher bed-1"].kill(house.nursery)
        del house.beds["bed-1"]
        for name in names:
            house.add_bed(name)
        listed = [_planned(bed) for bed in house.beds.values()]
        (house.folder / "plan.json").write_text(json.dumps({"port": house.to_broker.port, "beds": listed}))
        swarm = house.add_program("swarm", ["swarm", str(house.folder)])
        swarm.start(house.nursery)
        house.wait(lambda: _connected(house) == beds, "all beds at the broker", SETTLED_S)
        for number in range(storms):
            house.programs["broker"].kill(house.nursery)
            for bed in house.beds.values():
                bed.feeder.record_one()
            house.programs["broker"].start(house.nursery)
            began_s = time.monotonic()
            house.wait(lambda: all(bed.left()[0] == 0 for bed in house.beds.values()), "every receipt", 2 * SETTLED_S)
            tally.notes[f"{STORM}, storm {number + 1}"] = (
                f"{beds} beds had their receipts {time.monotonic() - began_s:.1f} s after the broker was back"
            )
            tally.faults[f"reconnection of {beds} beds at once"] += 1
        tell_deaths(house, tally)
        judge(house, rested=False, checked=False).into(tally, STORM)


def _planned(bed: CampaignBed) -> dict[str, str]:
    return {
        "name": bed.name, "folder": str(bed.folder), "ca": str(bed.files.authority),
        "certificate": str(bed.files.certificate), "key": str(bed.files.key),
    }  # fmt: skip


def _connected(house: House) -> int:
    path = house.folder / "connected"
    return int(path.read_text() or 0) if path.exists() else 0
