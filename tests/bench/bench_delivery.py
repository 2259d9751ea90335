"""What the promise costs: receipts a second and how late, backlogs, a thousand beds, a broker that dies, a flood, uploads.

Real parts on this one machine: Mosquitto over mutual TLS, PostgreSQL with fsync, the ingester, the api; the beds are the shipped
outboxes and deliveries on SQLite files, all in this process. A latency counts from when the event was to be told until the receipt
is committed at the bed. Writes build/results/bench-delivery.json.
"""

from __future__ import annotations

import argparse
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from shared.results import Figure, print_results, write_results
from tests.bench.delivery_house import House, Shares, house
from tests.bench.delivery_swarm import Plan, Swarm
from tests.bench.delivery_upload import measure

OFFERED_PER_S = 220.0
FLOOD_PER_S = 1_000.0
"""Five times the 12,000 a minute that the ingester takes of one bed."""
DRAIN_LIMIT_S = 330.0
FLOOD_LIMIT_S = 60.0
LIMIT_S = 1_500
"""The whole run is given up then, with the figures that it has."""
ROUNDS = 2


@dataclass(frozen=True, slots=True)
class Size:
    """How much of everything."""

    beds: int = 1_000
    seconds: float = 40.0
    backlog: int = 50_000
    backlog_beds: int = 50
    large_mb: int = 2_048
    many: int = 50

    @property
    def bed_names(self) -> list[str]:
        """Two units of equal size."""
        return [f"{'north' if number % 2 else 'south'}.bed-{number:04}" for number in range(self.beds)]

    @property
    def flooder(self) -> str:
        """The bed that runs wild; it is not one of the others."""
        return "north.wild"


SHORT = Size(beds=100, seconds=10.0, backlog=3_000, backlog_beds=10, large_mb=128, many=8)


def quantile(values: list[float], share: float) -> float:
    """The value below which that share of them lies; infinite when there is none."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else float("inf")


def say(text: str) -> None:
    """A line of progress with the time."""
    print(f"{time.strftime('%H:%M:%S')}  {text}", flush=True)


def settle(swarm: Swarm, seconds: float) -> bool:
    """Waits until every event has its receipt; False when the time is over."""
    swarm.run(Plan(), seconds, lambda: swarm.waiting == 0)
    return swarm.waiting == 0


def stretch(house: House, swarm: Swarm, size: Size, heartbeats_per_s: float) -> tuple[float, float, str]:
    """Events at the offered rate with so many heartbeats: receipts a second, their p99 (s), and who used the cores."""
    swarm.forget()
    shares, start_s = Shares(house), time.monotonic()
    plan = Plan(OFFERED_PER_S, heartbeats_per_s)
    swarm.run(plan, size.seconds)
    rate = len(swarm.answers.live_s) / (time.monotonic() - start_s)
    used = str(shares)
    settle(swarm, 60.0)
    found = swarm.forget()
    values = found.live_s
    say(
        f"{plan.events} events, {plan.heartbeats} heartbeats: {rate:.0f} receipts/s, p50 {quantile(values, 0.5) * 1000:.0f} ms,"
        f" p99 {quantile(values, 0.99) * 1000:.0f} ms, max {max(values, default=0) * 1000:.0f} ms,"
        f" told late p99 {quantile(found.late_s, 0.99) * 1000:.0f} ms; {used}"
    )
    return rate, quantile(values, 0.99), used


def steady(house: House, swarm: Swarm, size: Size, figures: dict[str, Figure]) -> None:
    """Events alone and with a heartbeat a second of each bed, in turns."""
    alone, beating = [], []
    for _ in range(ROUNDS):
        alone.append(stretch(house, swarm, size, 0.0))
        beating.append(stretch(house, swarm, size, float(size.beds)))
    rate = min(each[0] for each in (*alone, *beating))
    p99 = max(each[1] for each in (*alone, *beating))
    quiet, beaten = min(each[1] for each in alone), min(each[1] for each in beating)
    figures["events_per_s"] = Figure(round(rate, 1), "receipts/s, least of 4", ">= 200", rate >= 200)
    figures["receipt_p99_s"] = Figure(round(p99, 3), "s, worst of 4", "<= 1", p99 <= 1.0)
    figures["receipt_p99_alone_s"] = Figure(round(quiet, 3), "s, better of 2")
    figures["receipt_p99_with_heartbeats_s"] = Figure(round(beaten, 3), "s, better of 2")
    moved = beaten / quiet - 1.0
    figures["heartbeats_move_p99"] = Figure(round(moved, 2), "share", "<= 0.10", moved <= 0.10)
    figures["heartbeats_skipped"] = Figure(swarm.skipped_heartbeats, "not taken by the socket")


def storm(house: House, swarm: Swarm, size: Size, figures: dict[str, Figure]) -> None:
    """The broker is killed with all it knows, events go on; settled: all beds are back and every event has its receipt."""
    swarm.forget()
    house.broker.kill()
    swarm.run(Plan(events_per_s=20.0), 5.0)
    start_s = time.monotonic()
    house.broker.start()
    shares = Shares(house)
    plan = Plan(events_per_s=20.0)
    swarm.run(plan, 120.0, lambda: swarm.connected == size.beds)
    back_s = time.monotonic() - start_s
    settled = settle(swarm, 120.0)
    took_s = time.monotonic() - start_s
    holds = settled and swarm.connected == size.beds and took_s <= 60.0
    say(f"storm: {swarm.connected} beds back after {back_s:.1f} s, all receipts after {took_s:.1f} s; {shares}")
    figures[f"reconnect_{size.beds}_s"] = Figure(round(took_s, 1), "s, with all receipts", "<= 60", holds)
    figures["storm_connected_s"] = Figure(round(back_s, 1), "s")


def drain(house: House, swarm: Swarm, size: Size, figures: dict[str, Figure]) -> None:
    """A backlog at some beds, queued while they had no connection, and live events at all of them; counted from their return."""
    some = swarm.beds[:: max(1, size.beds // size.backlog_beds)][: size.backlog_beds]
    swarm.cut_off(some)
    for bed in some:
        swarm.queue(bed, size.backlog // len(some))
        swarm.run(Plan(), 0.05)
    queued = size.backlog // len(some) * len(some)
    swarm.forget()
    swarm.let_back(some)
    shares, plan, start_s = Shares(house), Plan(events_per_s=20.0), time.monotonic()
    while swarm.answers.queued < queued and time.monotonic() - start_s < DRAIN_LIMIT_S:
        swarm.run(plan, 10.0, lambda: swarm.answers.queued >= queued)
        left, gone_s = queued - swarm.answers.queued, time.monotonic() - start_s
        say(f"drain: {left} of {queued} left after {gone_s:.0f} s; {shares}")
    gone, took_s = swarm.answers.queued, time.monotonic() - start_s
    settle(swarm, 60.0)
    live = swarm.forget().live_s
    p99, whole_s = quantile(live, 0.99), took_s * 50_000 / max(1, gone)
    holds = gone == queued and whole_s <= 300.0
    unit = f"s for 50,000, from {gone} of {len(some)} beds"
    figures["drain_50k_s"] = Figure(round(whole_s, 1), unit, "<= 300", holds)
    figures["drain_live_p99_s"] = Figure(round(p99, 3), f"s, n={len(live)}", "<= 3", p99 <= 3.0)
    figures["drain_events_per_s"] = Figure(round(gone / took_s), "receipts/s")


def flood(house: House, swarm: Swarm, size: Size, rate: float) -> tuple[float, list[float]]:
    """One bed runs wild, at so many a second or without a limit (0): its messages a second, what its neighbours wait for."""
    swarm.forget()
    site, _, bed = size.flooder.partition(".")
    command = [sys.executable, "-m", "tests.bench.delivery_flood", str(house.broker.port), str(house.ca_file)]
    command += [*(str(path) for path in house.beds[size.flooder]), site, bed, str(size.seconds), str(rate)]
    shares = Shares(house)
    with subprocess.Popen(command, stdout=subprocess.PIPE) as child:
        try:
            swarm.run(Plan(events_per_s=20.0), size.seconds + FLOOD_LIMIT_S, lambda: child.poll() is not None)
            used, at_end = str(shares), swarm.waiting
            sent = int(child.communicate(timeout=10.0)[0] or 0) / size.seconds
        finally:
            child.kill()
    settle(swarm, 90.0)
    waits = swarm.forget().live_s
    say(
        f"flood of {sent:.0f}/s: neighbours p50 {quantile(waits, 0.5):.3f} s, p99 {quantile(waits, 0.99):.3f} s, {at_end}"
        f" waited at its end, {swarm.waiting} after it; {used}"
    )
    return sent, waits


def floods(house: House, swarm: Swarm, size: Size, figures: dict[str, Figure]) -> None:
    """Five times what one bed may send; then as fast as one client can, for which no goal is set."""
    _, waits = flood(house, swarm, size, FLOOD_PER_S)
    p99 = quantile(waits, 0.99)
    unit = f"s, one bed sends {FLOOD_PER_S:.0f}/s, n={len(waits)}"
    figures["flood_neighbours_p99_s"] = Figure(round(p99, 3), unit, "<= 3", p99 <= 3.0)
    sent, waits = flood(house, swarm, size, 0.0)
    figures["flood_unlimited_neighbours_p99_s"] = Figure(
        round(quantile(waits, 0.99), 3), f"s, one bed sends {sent:.0f}/s"
    )


def run(folder: Path, size: Size, figures: dict[str, Figure]) -> None:
    """All measurements of messages."""
    say(f"certificates and databases of {size.beds} beds")
    with house(folder, [*size.bed_names, size.flooder]) as home, closing(Swarm(home, size.bed_names)) as swarm:
        say("beds connect")
        start_s = time.monotonic()
        swarm.run(Plan(), 120.0, lambda: swarm.connected == size.beds)
        found = swarm.connected
        say(f"{found} beds connected after {time.monotonic() - start_s:.1f} s")
        figures["beds_per_ingester"] = Figure(found, "TLS beds", f">= {size.beds}", found >= size.beds)
        steady(home, swarm, size, figures)
        storm(home, swarm, size, figures)
        drain(home, swarm, size, figures)
        count(home, swarm, figures)
        floods(home, swarm, size, figures)


def count(house: House, swarm: Swarm, figures: dict[str, Figure]) -> None:
    """What was told against what the database holds; before the floods, whose events nobody expects."""
    told, kept = swarm.told, house.count()
    lost = told - kept.messages
    say(f"told {told}; the database holds {kept.events} events, {kept.messages} messages, {kept.tasks} tasks")
    figures["events_told"] = Figure(told, "events")
    figures["events_lost"] = Figure(lost, "events", "0", lost == 0 and swarm.waiting == 0)
    doubled = kept.events - told + lost
    figures["events_doubled"] = Figure(doubled, "events", "0", kept.events == kept.tasks == told - lost)


def give_up(*_: object) -> None:
    """The alarm's handler."""
    raise TimeoutError(f"The bench took longer than {LIMIT_S} s.")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--short", action="store_true", help="a tenth of everything, three minutes")
    options = parser.parse_args()
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    signal.signal(signal.SIGALRM, give_up)
    signal.alarm(LIMIT_S)
    size = SHORT if options.short else Size()
    name = "bench-delivery-short" if options.short else "bench-delivery"
    folder = Path(tempfile.mkdtemp(prefix="deepepil-bench-delivery-"))
    figures: dict[str, Figure] = {}
    try:
        run(folder, size, figures)
        (folder / "upload").mkdir()
        measure(folder / "upload", size.large_mb * 1024 * 1024, size.many, figures, say)
    finally:
        signal.alarm(0)
        shutil.rmtree(folder, ignore_errors=True)
        print_results(figures)
        write_results(name, "make bench-delivery" + (" SHORT=1" if options.short else ""), figures)


if __name__ == "__main__":
    main()
