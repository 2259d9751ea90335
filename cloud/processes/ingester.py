"""The ingester: takes what the beds publish into the database, and publishes receipts and wishes. Run as many as needed."""

from __future__ import annotations

import asyncio
import random
import sys

from cloud.database import database_server, open_tables
from cloud.ingest.broker_link import BrokerLink
from cloud.ingest.intake import DesiredPublisher, Intake
from cloud.ingest.service import Taker
from cloud.live_view.passing import LivePasser
from cloud.processes.run import until_stopped
from cloud.pulls.asking import PullSender
from cloud.schema import must_be_current
from cloud.settings import CloudSettings

GIL_TURN_S = 0.0005
"""paho's thread gives up the interpreter at each read and write; with Python's 5 ms it would wait as long each time to get it back."""


async def run_ingester(settings: CloudSettings, stop: asyncio.Event) -> None:
    """Until `stop`. What was being taken in is finished or was never acknowledged."""
    sys.setswitchinterval(GIL_TURN_S)
    async with database_server(settings.database) as address, open_tables(address, settings.database.connections):
        await must_be_current(address)
        told = asyncio.Event()
        link = BrokerLink(settings.mqtt, told.set, settings.ingest.events_per_minute)
        intake = Intake(link, Taker(settings.site.clip_overdue_s), random.Random())
        publisher = DesiredPublisher(link, told)
        link.start()
        try:
            await until_stopped(
                stop, intake.run(), publisher.run(), PullSender(link).run(), LivePasser(link, address).run()
            )
        finally:
            await link.close()
