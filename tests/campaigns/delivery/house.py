"""A house of real processes: Mosquitto over mutual TLS, PostgreSQL, api, ingester, and beds with publisher and uploader.

Between the parts lie our own lines, so that any of them can be cut. What ends is started again, as the supervisor of a bed and
`deepepil-cloud all` do. Everything lies in one folder of the run and dies with it.
"""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import socket
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg

from cloud.database import DatabaseAddress, ensure_database
from cloud.demo.broker import access_list, configuration
from cloud.demo.configs import CLOUD_NAME, Certificates
from cloud.devices.authority import Authority
from cloud.processes.migrate import prepare
from cloud.settings import load_settings
from edge_agent.ring.folder import prepare_folder
from shared.errors import Misconfigured
from tests.brokers import free_port, mosquitto_program
from tests.campaigns.delivery.feeding import SITE, Feeder, Witness
from tests.campaigns.delivery.house_files import HOUSES, PREFIX, CloudPorts, bed_text, cloud_text
from tests.campaigns.delivery.lines import Lines
from tests.campaigns.delivery.nursery import Nursery
from tests.campaigns.delivery.programs import Program
from tests.databases import DebianPostgres, debian_programs

START_LIMIT_S = 60.0
TURN_S = 0.02
DATABASE = "campaign"
_QUIET = (
    "SELECT (SELECT count(*) FROM messages), (SELECT count(*) FROM clips WHERE stage IN ('recording', 'ready')),"
    " (SELECT count(*) FROM dead_letters WHERE kind = 'event')"
)


@dataclass(slots=True)
class CampaignBed:
    """One bed: its folder, the witness outside of it, and who feeds it."""

    name: str
    folder: Path
    config: Path
    witness: Witness
    witness_path: Path
    feeder: Feeder
    files: Certificates

    def open(self) -> None:
        """Its database again, after the disk was away."""
        self.feeder = Feeder(self.folder, self.name, self.witness.note)

    def left(self) -> tuple[int, int, int]:
        """Messages without receipt, clips that are not done, parked events."""
        found = self.feeder.connection.execute(_QUIET).fetchone()
        return int(found[0]), int(found[1]), int(found[2])


@dataclass(slots=True)
class Wishes:
    """What a house is like. `beds` by name; `objects`: lines of its section; `bed_root`: where the beds' folders lie."""

    beds: Sequence[str] = ("bed-1", "bed-2")
    objects: str = ""
    requests_per_s: float = 1000.0
    raw_policy: str = "always"
    mutations: dict[str, str] = field(default_factory=dict)
    bed_root: Path | None = None
    named: Sequence[str] = ()
    """More beds that broker and cloud know."""
    uploads: bool = True


class House:
    """Use as a context manager: everything runs inside of the block, nothing after it."""

    def __init__(self, wishes: Wishes, seed: int) -> None:
        self.wishes = wishes
        self.dice = random.Random(seed)
        self.folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=HOUSES))
        self.folder.chmod(0o755)
        (self.folder / "pid").write_text(str(os.getpid()))
        self.point_log = self.folder / "points"
        self.programs: dict[str, Program] = {}
        self.beds: dict[str, CampaignBed] = {}
        self.nursery = Nursery()
        self.lines = Lines()

    def __enter__(self) -> House:
        try:
            self._make_cloud()
            for name in self.wishes.beds:
                self.add_bed(name)
            self.start_cloud()
            for name in self.beds:
                self.start_bed(name)
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Ends all and removes the folder."""
        for bed in self.beds.values():
            bed.feeder.close()
            bed.witness.close()
        self.nursery.close()
        self.lines.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    # the cloud

    def _make_cloud(self) -> None:
        self._authority = Authority.open(self.folder / "authority")
        of_server = self._certificate("server", ("127.0.0.1",))
        of_cloud = self._certificate(CLOUD_NAME)
        programs = debian_programs()
        if programs is None:
            raise Misconfigured("The campaign needs Debian's PostgreSQL; make setup installs it.")
        self._postgres = DebianPostgres(programs, self.folder / "postgres")
        self.broker_port, self._api_port = free_port(), free_port()
        dice = self.dice
        self.to_broker = self.lines.lay("beds to broker", self.broker_port, dice)
        self.from_broker = self.lines.lay("ingester to broker", self.broker_port, dice)
        self.to_api = self.lines.lay("beds to api", self._api_port, dice)
        self.to_database = self.lines.lay("cloud to database", self._postgres.port, dice)
        self.database = DatabaseAddress("127.0.0.1", self._postgres.port, "postgres", "", DATABASE)
        self._make_broker(of_server)
        user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups", "--pdeathsig", "SIGQUIT"]
        settings = ("fsync=off", "full_page_writes=off", "listen_addresses=127.0.0.1", "max_connections=100",
                    f"unix_socket_directories={self._postgres.folder}")  # fmt: skip
        more = [word for setting in settings for word in ("-c", setting)]
        words = [*(user if os.geteuid() == 0 else []), str(programs / "postgres"), "-D",
                 str(self._postgres.folder / "data"), "-p", str(self._postgres.port), *more]  # fmt: skip
        self.add_program("postgres", ["exec", *words])
        self.config = self.folder / "cloud.toml"
        self.write_cloud_file(of_cloud, of_server)
        for name in ("api", "ingester", "worker"):
            self.add_program(name, ["cloud", name, "--config", str(self.config)])

    def write_cloud_file(self, of_cloud: Certificates, of_server: Certificates) -> None:
        """The settings of api, ingester and worker."""
        ports = CloudPorts(self.to_database.port, self.from_broker.port, free_port(), self._api_port)
        wishes = self.wishes
        objects = wishes.objects or f'url = "file://{self.folder / "objects"}"'
        rules = f'requests_per_s = {wishes.requests_per_s}\n[site]\nraw_policy = "{wishes.raw_policy}"'
        self.config.write_text(cloud_text(DATABASE, ports, objects, rules, (of_cloud, of_server)))

    def _certificate(self, name: str, hosts: tuple[str, ...] = ()) -> Certificates:
        certificate, key = self._authority.issue_files(name, self.folder / "certificates", hosts)
        return Certificates(certificate, key, self._authority.certificate_file)

    def _make_broker(self, of_server: Certificates) -> None:
        self.broker_folder = self.folder / "broker"
        self.broker_folder.mkdir()
        acl = self.broker_folder / "acl"
        acl.write_text(access_list([f"{SITE}.{bed}" for bed in (*self.wishes.beds, *self.wishes.named)], CLOUD_NAME))
        acl.chmod(0o600)
        text = configuration(self.broker_folder, self.broker_port, of_server) + "log_type all\n"
        self.broker_file = self.broker_folder / "mosquitto.conf"
        self.broker_file.write_text(text)
        self.add_program("broker", ["exec", mosquitto_program(), "-c", str(self.broker_file)])

    def start_cloud(self) -> None:
        """Database, broker, api and ingester; returns when all take connections."""
        self.programs["postgres"].start(self.nursery)
        self.programs["broker"].start(self.nursery)
        self.wait(self.database_answers, "PostgreSQL", START_LIMIT_S)
        asyncio.run(self._prepare())
        for name in ("api", "ingester"):
            self.programs[name].start(self.nursery)
        self.wait(lambda: listens(self.broker_port), "the broker", START_LIMIT_S)
        self.wait(lambda: listens(self._api_port), "the api", START_LIMIT_S)

    async def _prepare(self) -> None:
        plain = DatabaseAddress("127.0.0.1", self._postgres.port, "postgres", "", "postgres")
        await ensure_database(plain, DATABASE)
        await prepare(load_settings(self.config), [f"{SITE}.{bed}" for bed in self.wishes.beds])

    def database_answers(self) -> bool:
        """Whether PostgreSQL takes connections, asked without our line."""

        async def ask() -> None:
            address = DatabaseAddress("127.0.0.1", self._postgres.port, "postgres", "", "postgres")
            connection = await asyncpg.connect(address.url, timeout=2)
            await connection.close()

        try:
            asyncio.run(ask())
        except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
            return False
        return True

    def rows(self, query: str, *values: object) -> list[Any]:
        """Rows of the cloud's database, past our line."""

        async def ask() -> list[Any]:
            connection = await asyncpg.connect(self.database.url, timeout=10)
            try:
                return list(await connection.fetch(query, *values))
            finally:
                await connection.close()

        return asyncio.run(ask())

    # the beds

    def add_bed(self, name: str) -> CampaignBed:
        """A bed's folder, certificate and settings."""
        folder = (self.wishes.bed_root or self.folder) / name
        folder.mkdir(exist_ok=True)
        prepare_folder(folder, SITE, name)
        files = self._certificate(f"{SITE}.{name}")
        config = self.folder / f"{name}.toml"
        origin = self.wishes.objects.split('endpoint = "')[1].split('"')[0] if "endpoint" in self.wishes.objects else ""
        ports = (self.to_broker.port, self.to_api.port)
        config.write_text(bed_text((SITE, name), folder, files, ports, origin))
        path = self.folder / f"witness-{name}"
        witness = Witness(path)
        bed = CampaignBed(name, folder, config, witness, path, Feeder(folder, name, witness.note), files)
        self.beds[name] = bed
        for process in ("publisher", "uploader"):
            self.add_program(f"{process} {name}", ["edge", "process", process, "--config", str(config)])
        return bed

    def start_bed(self, name: str) -> None:
        """Its publisher and its uploader."""
        self.programs[f"publisher {name}"].start(self.nursery)
        if self.wishes.uploads:
            self.programs[f"uploader {name}"].start(self.nursery)

    # all of them

    def add_program(self, name: str, words: list[str]) -> Program:
        """A program of the house, not started yet."""
        kind = name.split(" ", maxsplit=1)[0]
        log = self.folder / f"{name.replace(' ', '-')}.log"
        program = Program(name, words, log, self.point_log, self.wishes.mutations.get(kind, ""))
        self.programs[name] = program
        return program

    def feed_in_child(self, bed: CampaignBed, events: int, arms: Sequence[str] = ()) -> Program:
        """Feeds by a program of its own, which may be killed at its failpoints and is started again until it is through."""
        words = ["feed", str(bed.folder), bed.name, str(bed.witness_path), str(events)]
        name = f"feed {bed.name}"
        program = self.programs.get(name) or self.add_program(name, words)
        program.words, program.once = words, True
        program.arms.extend(arms)
        program.start(self.nursery)
        return program

    def feed(self, events: int) -> None:
        """So many events at each bed."""
        for bed in self.beds.values():
            bed.feeder.feed(events)

    def restart(self, *names: str) -> None:
        """kill -9, and a new life."""
        for name in names:
            self.programs[name].kill(self.nursery, again=True)

    def run_once(self, words: list[str], name: str, limit_s: float = 120.0) -> tuple[int, str]:
        """A command to its end: exit code and what it said."""
        log = self.folder / f"{name}.said"
        log.unlink(missing_ok=True)
        program = Program(name, words, log, self.point_log, once=True)
        program.start(self.nursery)
        program.wanted = False
        deadline_s = time.monotonic() + limit_s
        while program.runs and time.monotonic() < deadline_s:
            time.sleep(TURN_S)
            program.look(self.nursery)
        if program.runs:
            program.kill(self.nursery)
            return 124, f"{name} did not end within {limit_s:.0f} s"
        return program.ends[0].code if program.ends else 0, log.read_text() if log.exists() else ""

    def arm(self, name: str, *arms: str) -> Program:
        """The program begins anew, and dies at these failpoints, one a life."""
        program = self.programs[name]
        program.arms.extend(arms)
        program.kill(self.nursery, again=True)
        return program

    def tend(self) -> None:
        """One look at every program; what ended is started again."""
        for program in self.programs.values():
            program.look(self.nursery)

    def wait(self, holds: Callable[[], object], what: str, limit_s: float) -> None:
        """Tends until it holds. Raises AssertionError, naming it, when it does not in time."""
        deadline_s = time.monotonic() + limit_s
        while True:
            self.tend()
            if holds():
                return
            if time.monotonic() > deadline_s:
                raise AssertionError(f"waited {limit_s:.0f} s in vain for: {what}\n{self.last_words()}")
            time.sleep(TURN_S)

    def rest(self, seconds: float) -> None:
        """Lets time pass while what ended is started again."""
        deadline_s = time.monotonic() + seconds
        while time.monotonic() < deadline_s:
            self.tend()
            time.sleep(TURN_S)

    def last_words(self) -> str:
        """The end of each log, for whoever looks into a failure."""
        logs = sorted(self.folder.glob("*.log"))
        return "\n".join(f"--- {path.name}\n{path.read_text(errors='replace')[-600:]}" for path in logs)


def listens(port: int) -> bool:
    """Whether somebody takes connections at this port."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
