"""What the heartbeat says of the recording itself: coverage with its causes, and the clocks; alarms are sentences."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from edge_agent.ring.coverage import Account
from edge_agent.ring.coverage_hours import Hour
from edge_agent.ring.time_keeping import FAULT_NAMES
from shared.clock import NS_PER_S
from shared.clock_fit import MOST_PPM
from shared.frame import Stream
from shared.gap import GapCause
from shared.heartbeat import ClockHealth, HourCoverage, StreamCoverage

ENOUGH = 0.99
UTC_ERROR_NS = NS_PER_S
LEAST_WANTED_NS = 60 * NS_PER_S
"""A bed that was wanted for less of the hour has no coverage worth an alarm."""
CAUSE_WORDS = {
    GapCause.source: "the camera gave no frames",
    GapCause.bus: "the recorder was too slow",
    GapCause.disk: "the disk was full, failed or was too slow",
    GapCause.restart: "the recorder was not running",
    GapCause.power: "the box was off",
}
UNEXPLAINED = "no cause is known yet"


def clock_health(counters: Mapping[str, float], utc_error_ns: int | None) -> ClockHealth:
    """From the recorder's beat and the kernel's word."""
    drift_ppm, error_s = counters.get("drift_ppm"), counters.get("clock_error_s")
    return ClockHealth(
        device_drift_ppm=None if drift_ppm is None else max(-1e6, min(1e6, drift_ppm)),
        clock_error_ns=None if error_s is None else round(error_s * NS_PER_S),
        utc_error_ns=utc_error_ns,
        faults={name: int(counters[f"clock_{name}"]) for name in FAULT_NAMES if counters.get(f"clock_{name}")},
    )


def clock_alarms(clock: ClockHealth) -> Iterator[str]:
    """A clock that runs off, and a wall clock that nobody keeps."""
    drift_ppm = clock.device_drift_ppm
    if drift_ppm is not None and abs(drift_ppm) > MOST_PPM:
        yield (
            f"The camera's clock runs {abs(drift_ppm):.0f} ppm off the machine's; above {MOST_PPM:.0f} one of them is broken."
        )
    if clock.utc_error_ns is None:
        yield "The wall clock is not synchronised; times of day may be wrong."
    elif clock.utc_error_ns > UTC_ERROR_NS:
        yield f"The wall clock may be off by {clock.utc_error_ns / NS_PER_S:.1f} s."


def coverage_alarms(accounts: Mapping[Stream, Account]) -> Iterator[str]:
    """One sentence for the stream that lost most, with the largest cause."""
    worst = min(
        ((each.coverage, stream) for stream, each in accounts.items() if each.coverage is not None), default=None
    )
    if worst is None or worst[0] >= ENOUGH or accounts[worst[1]].wanted_ns < LEAST_WANTED_NS:
        return
    share, stream = worst
    lost_ns, cause = largest_loss(accounts[stream])
    # Rounded down: 98.96 % must not be told as 99.0 %.
    yield (
        f"Only {int(share * 1000) / 10:.1f} % of the last hour was recorded ({stream.value}); most was lost because {cause} "
        f"({lost_ns / NS_PER_S:.0f} s)."
    )


def largest_loss(account: Account) -> tuple[int, str]:
    """The longest loss in ns and its cause in words."""
    losses = [(ns, CAUSE_WORDS[cause]) for cause, ns in account.lost_ns.items()]
    return max([*losses, (account.unaccounted_ns, UNEXPLAINED)])


def hours_of(hours: Iterable[Hour], hour_ns: int) -> list[HourCoverage]:
    """The hours as the heartbeat sends them: shares of a whole hour, to a ten-thousandth."""
    return [
        HourCoverage(
            start_utc_ns=hour.start_utc_ns,
            streams={stream: _shares(account, hour_ns) for stream, account in hour.streams.items()},
        )
        for hour in hours
    ]


def _shares(account: Account, hour_ns: int) -> StreamCoverage:
    def share(ns: int) -> float:
        return min(1.0, round(ns / hour_ns, 4))

    def shares(parts: Mapping[GapCause, int]) -> dict[GapCause, float]:
        return {cause: share(ns) for cause, ns in parts.items() if share(ns) > 0}

    return StreamCoverage(
        recorded=share(account.recorded_ns), wanted=share(account.wanted_ns), lost=shares(account.lost_ns),
        not_wanted=shares(account.not_wanted_ns),
    )  # fmt: skip
