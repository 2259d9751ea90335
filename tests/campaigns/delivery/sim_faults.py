"""The faults of one run: which come, when, for how long. In: a world and its dice. Out: calls in virtual time, counted as they strike."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import TYPE_CHECKING

from shared.clock import NS_PER_S
from shared.failpoints import DELIVERY_POINTS
from tests.campaigns.delivery.sim_bed import PENDING_S
from tests.campaigns.delivery.sim_crashes import POINTS
from tests.campaigns.delivery.sim_network import Mood, Weather
from tests.campaigns.delivery.sim_web import MOODS

if TYPE_CHECKING:
    from tests.campaigns.delivery.sim_world import World

WEEK_S = 7 * 86_400.0
SURE = 5
MORE = (2, 5)
SELDOM = frozenset({"before_put_back_commit", "before_comparison_commit"})
"""A run comes by these a few times only, as by the points of the transfer."""


def plan_faults(world: World, dice: random.Random, length_s: float) -> None:
    """At least five faults that are sure to strike and some by lot, and crashes armed at three points beside them."""
    sure = [name for name in KINDS if name not in BY_CHANCE]
    names = [*dice.choices(sure, k=SURE), *dice.choices(list(KINDS), k=dice.randint(*MORE))]
    for name in names:
        world.time.after(dice.uniform(0.0, length_s), _strike(world, dice, name))
    for point in dice.sample(POINTS, 3):
        often = point in DELIVERY_POINTS and point not in SELDOM
        world.crashes.armed[point] = dice.randint(1, 20 if often else 2)


def _strike(world: World, dice: random.Random, name: str) -> Callable[[], None]:
    def strike() -> None:
        world.time.note(f"FAULT {name}")
        world.faults[name] += name not in BY_CHANCE
        KINDS[name](world, dice)

    return strike


def _length_s(dice: random.Random) -> float:
    """Mostly a minute or two, sometimes hours."""
    return dice.choice((dice.uniform(5, 60), dice.uniform(30, 300), dice.uniform(600, 3600)))


def _weather(world: World, dice: random.Random, weather: Weather, seconds: float) -> None:
    line = world.bed_by_lot(dice).line
    line.weather = weather
    if weather.cut:
        line.hang_up()

    def mend() -> None:
        if line.weather is weather:
            line.weather = Weather()
            line.call()

    world.until(seconds, mend)


def _loss(world: World, dice: random.Random) -> None:
    _weather(world, dice, Weather(loss=dice.choice((0.1, 0.3, 0.8)), back_loss=dice.random()), _length_s(dice))


def _twice(world: World, dice: random.Random) -> None:
    _weather(world, dice, Weather(twice=0.8, slow_s=dice.choice((0.0, 5.0, 900.0))), _length_s(dice))


def _slow(world: World, dice: random.Random) -> None:
    _weather(world, dice, Weather(slow_s=dice.choice((5.0, 60.0, 3600.0))), _length_s(dice))


def _half_open(world: World, dice: random.Random) -> None:
    _weather(world, dice, Weather(swallow=True), _length_s(dice))


def _flapping(world: World, dice: random.Random) -> None:
    line = world.bed_by_lot(dice).line
    for number in range(dice.randint(1, 6)):
        world.time.after(number * dice.uniform(0.5, 20.0), line.hang_up)


def _partition(world: World, dice: random.Random) -> None:
    """Broker and cloud are out of reach: minutes, hours or a week."""
    bed = world.bed_by_lot(dice)
    seconds = WEEK_S if dice.random() < 0.1 else _length_s(dice)
    weather = Weather(cut=True)
    bed.line.weather, world.webs[bed.name].cut = weather, True
    bed.line.hang_up()

    def mend() -> None:
        world.webs[bed.name].cut = False
        bed.wake_uploader(dice.uniform(0.02, PENDING_S))
        if bed.line.weather is weather:
            bed.line.weather = Weather()
            bed.line.call()

    world.until(seconds, mend)


def _broker(world: World, dice: random.Random, mood: Mood, seconds: float) -> None:
    world.broker.mood = mood

    def mend() -> None:
        if world.broker.mood is mood:
            world.broker.mood = Mood()
            world.call_all()

    world.until(seconds, mend)


def _broker_forgets(world: World, dice: random.Random) -> None:
    _broker(world, dice, Mood(forgets=dice.choice((0.3, 1.0))), _length_s(dice))


def _broker_wiped(world: World, dice: random.Random) -> None:
    world.broker.wipe()
    _broker(world, dice, Mood(down=True), dice.uniform(1, 120))


def _broker_queue(world: World, dice: random.Random) -> None:
    _broker(world, dice, Mood(queue_limit=dice.choice((1, 10))), _length_s(dice))


def _broker_declines(world: World, dice: random.Random) -> None:
    _broker(world, dice, Mood(declines=True), dice.uniform(5, 300))


def _no_ingester(world: World, dice: random.Random) -> None:
    cloud = world.cloud
    cloud.ingester_up = world.broker.subscribed = False
    world.broker.queue.clear()
    world.until(_length_s(dice), cloud.start_ingester)


def _no_api(world: World, dice: random.Random) -> None:
    world.cloud.api_up = False
    world.until(_length_s(dice), world.cloud.start_api)


def _power_cut(world: World, dice: random.Random) -> None:
    bed = world.bed_by_lot(dice)
    if bed.on:
        world.faults["power cut"] += 1
        bed.cut_power()


def _torn_commit(world: World, dice: random.Random) -> None:
    """The next commit of a new report is cut in its middle."""
    for bed in world.beds:
        bed.torn_next = True
    world.crashes.armed["after_outbox_commit"] = 1


def _database_away(world: World, dice: random.Random) -> None:
    cloud = world.cloud
    cloud.away = True

    def mend() -> None:
        cloud.away = False
        cloud.refusals = 3
        cloud.wake()

    world.until(_length_s(dice), mend)


def _lost_commits(world: World, dice: random.Random) -> None:
    world.cloud.lose_commits = dice.randint(1, 3)


def _backup_restored(world: World, dice: random.Random) -> None:
    """The database is replaced by the last backup; the objects stay. Its processes start again."""
    world.restore_backup()


def _bad_requests(world: World, dice: random.Random) -> None:
    world.webs[world.bed_by_lot(dice).name].moods += [dice.choice(MOODS) for _ in range(dice.randint(1, 6))]


def _replay(world: World, dice: random.Random) -> None:
    """Old messages come again, a day later at most."""
    for waiting in list(world.broker.old)[:: dice.randint(1, 3)]:
        world.time.after(
            dice.choice((1.0, 600.0, 86_400.0)), lambda each=waiting: world.broker.put(each.topic, each.payload)  # type: ignore[misc]
        )  # fmt: skip


def _forged(world: World, dice: random.Random) -> None:
    """A bed's messages on another bed's topic, and rubbish on both."""
    for waiting in list(world.broker.old)[:3]:
        bed = world.bed_by_lot(dice).name
        parts = waiting.topic.split("/")
        world.broker.put("/".join([*parts[:3], bed, parts[4]]), waiting.payload)
        world.broker.put(waiting.topic, waiting.payload[: dice.randrange(len(waiting.payload))])


def _clock_jump(world: World, dice: random.Random) -> None:
    world.bed_by_lot(dice).clock.offset_ns += dice.choice((-3600, 3600, -40 * 86_400, 400 * 86_400)) * NS_PER_S


KINDS: dict[str, Callable[[World, random.Random], None]] = {
    "loss": _loss,
    "doubled messages": _twice,
    "delays and reorders": _slow,
    "half-open line": _half_open,
    "flapping line": _flapping,
    "partition": _partition,
    "broker acknowledges and drops": _broker_forgets,
    "broker wiped": _broker_wiped,
    "broker queue limit": _broker_queue,
    "broker declines": _broker_declines,
    "no ingester": _no_ingester,
    "no api": _no_api,
    "power cut": _power_cut,
    "torn commit": _torn_commit,
    "database away": _database_away,
    "commit's answer lost": _lost_commits,
    "backup restored": _backup_restored,
    "bad requests": _bad_requests,
    "old messages replayed": _replay,
    "forged and poisoned messages": _forged,
    "clock jump": _clock_jump,
}

BY_CHANCE = frozenset({"power cut", "torn commit", "commit's answer lost", "bad requests"})
"""These are counted when they strike: a bed may be off already, a request or a commit may not follow."""
