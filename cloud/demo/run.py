"""`deepepil-cloud demo`: sets up and starts everything, tells what flows, stops everything cleanly on Ctrl-C."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from cloud.demo import configs
from cloud.demo.broker import Broker
from cloud.demo.layout import DEMO_BEDS, DemoBed, Ports
from cloud.demo.programs import Program, start_program
from cloud.demo.switch import Deed, Switch
from cloud.demo.timeline import line_for
from cloud.devices.authority import Authority
from shared.errors import Broken, Misconfigured, Refused, Transient

CLOUD_START_LIMIT_S = 90.0
CAMERA_LIMIT_S = 60.0
WATCH_PERIOD_S = 0.5
MOST_RESTARTS = 8
RESTART_WINDOW_S = 60.0
LEAST_FREE_BYTES = 4 * configs.GIB
BROKER = "broker"
TURNED = {"on": "turned on", "off": "turned off", "kill": "killed and left off"}


@dataclass(slots=True)
class Demo:
    """One run of the demonstration in `folder`."""

    folder: Path
    source: str
    releases: Path
    ports: Ports
    beds: tuple[DemoBed, ...] = DEMO_BEDS
    programs: list[Program] = field(default_factory=list)
    broker: Broker | None = None
    restarts: deque[float] = field(default_factory=lambda: deque(maxlen=MOST_RESTARTS))
    turned_off: set[str] = field(default_factory=set)
    cameras: int = 0
    listening: threading.Event = field(default_factory=threading.Event)
    stop_asked: threading.Event = field(default_factory=threading.Event)
    _print_lock: threading.Lock = field(default_factory=threading.Lock)
    _parts_lock: threading.Lock = field(default_factory=threading.Lock)

    def say(self, sentence: str) -> None:
        with self._print_lock:
            print(f"{datetime.now().astimezone():%H:%M:%S.%f}"[:-3] + f"  {'demo':<6}  {sentence}", flush=True)

    def tell(self, origin: str, raw: str) -> None:
        """A line of a child's log: noticed, and told when people may care."""
        if '"people_listening"' in raw:
            self.listening.set()
        if '"camera_opened"' in raw:
            self.cameras += 1
        line = line_for(raw, origin)
        if line is not None:
            with self._print_lock:
                print(line, flush=True)

    def prepare(self) -> None:
        """Folders, certificates, configuration files and the database. Raises Misconfigured with a sentence."""
        _require_room(self.folder)
        authority = Authority.open(self.folder / "authority")
        certificates = self.folder / "certificates"
        of_server = _issue(authority, certificates, "server", ("127.0.0.1", "localhost"))
        of_cloud = _issue(authority, certificates, configs.CLOUD_NAME)
        self.broker = Broker(self.folder / "broker", self.ports.broker, of_server)
        self.broker.allow([bed.name for bed in self.beds], configs.CLOUD_NAME)
        self.broker.start()
        self.say(f"broker listens at 127.0.0.1:{self.ports.broker}, TLS with one certificate a bed")
        (self.folder / "cloud.toml").write_text(configs.cloud_file(self.folder, self.ports, of_cloud, of_server))
        for bed in self.beds:
            of_bed = _issue(authority, certificates, bed.name)
            text = configs.bed_file(self.folder, bed, self.ports, of_bed, self.source, self.releases)
            (self.folder / f"{bed.bed}.toml").write_text(text)
        self.say("preparing the database")
        self._migrate()

    def _migrate(self) -> None:
        command = [_program("deepepil-cloud"), "migrate", "--config", str(self.folder / "cloud.toml")]
        for bed in self.beds:
            command += ["--bed", bed.name]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
        for line in done.stdout.splitlines():
            if line.startswith("{"):
                self.tell("cloud", line)
            else:
                self.say(line)
        if done.returncode != 0:
            raise Misconfigured(f"The database could not be prepared: {done.stderr.strip() or done.stdout.strip()}")

    def start(self) -> None:
        """Cloud first, beds when people can already look. Raises Transient when the cloud does not come up."""
        logs = self.folder / "logs"
        command = [_program("deepepil-cloud"), "all", "--config", str(self.folder / "cloud.toml")]
        cloud = start_program("cloud", command, logs, self.tell)
        self.programs.append(cloud)
        waited_s = 0.0
        while not self.listening.wait(WATCH_PERIOD_S) and not cloud.ended and waited_s < CLOUD_START_LIMIT_S:
            waited_s += WATCH_PERIOD_S
        if not self.listening.is_set():
            raise Transient(f"The cloud did not come up; its log is {logs / 'cloud.jsonl'}")
        for bed in self.beds:
            command = [_program("deepepil-edge"), "run", "--config", str(self.folder / f"{bed.bed}.toml")]
            self.programs.append(start_program(bed.bed, command, logs, self.tell))
        waited_s = 0.0
        while self.cameras < len(self.beds) and waited_s < CAMERA_LIMIT_S and not self.stop_asked.is_set():
            self.stop_asked.wait(WATCH_PERIOD_S)
            waited_s += WATCH_PERIOD_S

    def watch(self) -> int:
        """Until Ctrl-C; what ends by itself is started again, until too much ends in a minute. Returns the exit code."""
        switch = Switch(self.folder, self.turn)
        try:
            while not self.stop_asked.wait(WATCH_PERIOD_S):
                with self._parts_lock:
                    self._start_what_ended()
        finally:
            switch.close()
        return 0

    def _start_what_ended(self) -> None:
        for program in self.programs:
            if program.ended and program.name not in self.turned_off:
                self._note_restart(program.name, self.folder / "logs" / f"{program.name}.jsonl")
                self._start_again(program)
        if self.broker is not None and self.broker.ended and BROKER not in self.turned_off:
            self._note_restart(BROKER, self.broker.log)
            self.broker.start()

    def _start_again(self, program: Program) -> None:
        at = self.programs.index(program)
        self.programs[at] = start_program(program.name, program.command, self.folder / "logs", self.tell)

    def turn(self, deed: Deed, part: str) -> str:
        """Turns a part off (by asking it or by a kill) or on again; off stays off. Raises Refused for an unknown part."""
        with self._parts_lock:
            named: dict[str, Program | Broker] = {program.name: program for program in self.programs}
            if self.broker is not None:
                named[BROKER] = self.broker
            if part not in named:
                raise Refused(f"There is no part {part}; there are {', '.join(sorted(named))}.")
            found = named[part]
            if deed != "on":
                self.turned_off.add(part)
                (found.kill if deed == "kill" else found.stop)()
            else:
                self.turned_off.discard(part)
                if found.ended:
                    self._start_again(found) if isinstance(found, Program) else found.start()
        self.say(sentence := f"{part} was {TURNED[deed]} by hand")
        return sentence + "."

    def _note_restart(self, name: str, log: Path) -> None:
        now_s = time.monotonic()
        if len(self.restarts) == MOST_RESTARTS and now_s - self.restarts[0] < RESTART_WINDOW_S:
            raise Broken(f"{name} and others ended {MOST_RESTARTS} times within a minute; the last log is {log}.")
        self.restarts.append(now_s)
        self.say(f"{name} ended by itself, it is started again; its log is {log}")

    def stop(self) -> None:
        """Beds, then cloud, then broker; each within its bound."""
        self.say("stopping: beds, cloud, broker")
        stopping = [threading.Thread(target=program.stop) for program in self.programs if program.name != "cloud"]
        for thread in stopping:
            thread.start()
        for thread in stopping:
            thread.join()
        for program in self.programs:
            program.stop()
        if self.broker is not None:
            self.broker.stop()
        self.say("stopped; the next start goes on with the same data")


def _issue(authority: Authority, folder: Path, name: str, hosts: tuple[str, ...] = ()) -> configs.Certificates:
    certificate, key = authority.issue_files(name, folder, hosts)
    return configs.Certificates(certificate, key, authority.certificate_file)


def _program(name: str) -> str:
    """The installed command beside the running Python, then the one on the PATH."""
    beside = Path(sys.executable).parent / name
    found = str(beside) if beside.exists() else shutil.which(name)
    if found is None:
        raise Misconfigured(f"The command {name} is not installed here.")
    return found


def _require_room(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    free_bytes = shutil.disk_usage(folder).free
    if free_bytes < LEAST_FREE_BYTES:
        raise Misconfigured(
            f"{folder} has {free_bytes / 1e9:.1f} GB free; the demonstration needs at least {LEAST_FREE_BYTES / 1e9:.0f} GB."
        )


def run_demo(folder: Path, source: str, releases: Path | None) -> int:
    """The whole demonstration; returns the exit code."""
    if source != "simulator" and not Path(source).is_file():
        raise Misconfigured(
            f"SOURCE: there is no file {source}; give an Azure Kinect recording (.mkv) or leave it out."
        )
    demo = Demo(folder, source, releases or configs.releases_folder(), Ports.choose())
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda _number, _frame: demo.stop_asked.set())
    os.umask(0o077)
    demo.say(f"data in {folder}")
    code = 1
    try:
        demo.prepare()
        demo.start()
        demo.say(f"review at http://127.0.0.1:{demo.ports.people}  (Ctrl-C stops everything)")
        demo.say("the beds are simulated: what is detected and classified here says nothing about patients")
        code = demo.watch()
    finally:
        demo.stop()
    return code
