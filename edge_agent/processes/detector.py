"""Scores previews, opens, updates and closes events: wires the bed's detector to the bus."""

from __future__ import annotations

from edge_agent.bus_messages import BusTopic
from edge_agent.desired import load_desired
from edge_agent.detection.bed_detector import BedDetector, Outcome
from edge_agent.outbox.store import Outbox
from edge_agent.releases.installing import folder_of
from edge_agent.releases.state import at_start
from edge_agent.releases.switching import Switching, opened_at_start
from edge_agent.runner import Context
from shared.clock import NS_PER_S
from shared.detector_session import open_release
from shared.detector_stream import RunStep
from shared.event import EventPhase, EventReport
from shared.heartbeat import ReleaseStage
from shared.preview import Preview
from shared.release import ReleaseCard

TURN_MS = 500
TELL_SCORE_NS = 30 * NS_PER_S


class Teller:
    """Puts on the bus and into the log what the detector found."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._next_score_ns = 0
        self.scores = 0
        self.events = 0
        self.troubles = 0
        self._last_trouble = ""

    def tell(self, outcome: Outcome) -> None:
        """Scores, kept reports and troubles of one turn."""
        for score in outcome.scores:
            self.scores += 1
            self._context.publish(BusTopic.score, score)
            if score.mono_ns >= self._next_score_ns:
                self._next_score_ns = score.mono_ns + TELL_SCORE_NS
                blind = {"unseen_s": score.unseen_s, "no_ir_s": score.no_ir_s, "no_depth_s": score.no_depth_s}
                self._context.log.info("score_flowing", value=round(score.value, 3), **blind)
        for report in outcome.reports:
            self._context.publish(BusTopic.event, report)
            self._log(report)
        for sentence in outcome.troubles:
            self.troubles += 1
            if sentence != self._last_trouble:
                self._last_trouble = sentence
                self._context.log.warning("detector_troubled", sentence=sentence)

    def _log(self, report: EventReport) -> None:
        facts: dict[str, object] = {"event_id": str(report.event_id)}
        if report.phase is EventPhase.opened:
            self.events += 1
        if report.phase is EventPhase.closed:
            facts |= {"motor_type": report.motor_type, "peak_score": round(report.peak_score, 3)}
        self._context.log.info(f"event_{report.phase.value}", **facts)


def run(context: Context) -> None:
    """Until the stop: takes previews in order, and those that the bus lost from the ring."""
    settings = context.settings
    connection = context.database()
    of_settings, standing = settings.detector.release, at_start(connection)

    def open_by_name(name: str) -> tuple[ReleaseCard, RunStep]:
        return open_release(folder_of(name, context.folder, settings.detector.releases_folder), name)

    card, step = opened_at_start(standing, of_settings, open_by_name)
    outbox = Outbox(connection, settings.bed.site, settings.bed.bed)
    detector = BedDetector(context.folder, connection, outbox, card, step, context.clock)
    context.log.info("release_opened", release=card.name, simulated=card.data.simulated)
    inbox = context.subscribe(BusTopic.preview, BusTopic.desired)
    teller = Teller(context)
    desired = load_desired(connection)
    teller.tell(detector.set_stay(desired.stay_id, paused=desired.paused))
    teller.tell(detector.recover())
    _catch_up(context, detector, teller, None)
    switching = Switching(connection, detector, (card, step), open_by_name, context.clock)
    if standing is not None and standing.stage is ReleaseStage.trial:
        switching.resume(standing, of_settings)
    while not context.stop.is_set():
        if (sentence := switching.turn()) is not None:
            context.log.info("release_switched", sentence=sentence)
        while switching.told:
            teller.tell(switching.told.pop(0))
        found = inbox.receive(TURN_MS)
        if found is None:
            teller.tell(detector.idle())
        elif found[0] is BusTopic.desired:
            teller.tell(detector.set_stay(found[1].stay_id, paused=found[1].paused))
        else:
            _catch_up(context, detector, teller, found[1])
            teller.tell(detector.push(found[1]))
        context.beat(scores=teller.scores, events=teller.events, troubles=teller.troubles, dropped=inbox.dropped)
    detector.close()


def _catch_up(context: Context, detector: BedDetector, teller: Teller, before: Preview | None) -> None:
    for preview in detector.catch_up(before):
        if context.stop.is_set():
            return
        teller.tell(detector.push(preview))
        context.beat(scores=teller.scores)
