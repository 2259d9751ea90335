"""Proof that the campaign can fail: each known wrong way to deliver is put into a program, and its trial must complain."""

from __future__ import annotations

from collections.abc import Mapping

from tests.campaigns.delivery import orders, power
from tests.campaigns.delivery.mutations import MUTATIONS
from tests.campaigns.delivery.orders import Trial
from tests.campaigns.delivery.tally import Tally

TRIALS: Mapping[str, Trial] = {
    "auto_ack": orders.acknowledged_after_commit,
    "unique_dropped": orders.receipt_lost_after_commit,
    "fsync_removed": power.power_cuts,
    "receipt_before_commit": orders.dies_before_commit,
    "refusal_as_stored": orders.api_refuses,
    "puback_as_receipt": orders.ingester_hangs,
    "not_read_back": orders.damaged_in_the_cloud,
}
WORDS: Mapping[str, tuple[str, ...]] = {
    "auto_ack": ("were acknowledged while",),
    "unique_dropped": ("is there twice",),
    "fsync_removed": ("is lost",),
    "receipt_before_commit": ("is lost",),
    "refusal_as_stored": ("false stored",),
    "puback_as_receipt": ("is lost",),
    "not_read_back": ("false stored",),
}
"""What the right complaint says: a trial that breaks off for another reason has caught nothing."""
TRIES = 2


def prove(tally: Tally, names: tuple[str, ...], seed: int) -> None:
    """For each mutation the sentence that caught it goes into the notes; one that nobody caught is a complaint.

    The same trial with the shipped code is part of the campaign, and must not complain.
    """
    tally.seeds["mutations"] = seed
    for name in names:
        caught = ""
        for number in range(TRIES):
            caught = caught or _complaint(name, seed + number)
        tally.counts["mutations"] += 1
        tally.counts["mutations_caught"] += bool(caught)
        tally.notes[f"mutation {name} ({MUTATIONS[name]})"] = f"caught by: {caught[:160]}" if caught else "NOT CAUGHT"
        tally.expect("mutations", caught, f"{name}: its trial did not complain")
        tally.say(f"mutation {name}: {caught[:110] or 'NOT CAUGHT'}")


def _complaint(name: str, seed: int) -> str:
    own = Tally(quiet=True)
    try:
        TRIALS[name](own, seed, name)
    except AssertionError as error:
        own.complain(name, f"broke off: {error}"[:3000])
    found = [each for each in own.complaints if any(words in each for words in WORDS[name])]
    return found[0] if found else ""
