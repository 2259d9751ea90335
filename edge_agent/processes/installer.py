"""Obeys orders to run another release: wires the installer to the desired state, the cloud and the database."""

from __future__ import annotations

from edge_agent.bus_messages import BusTopic
from edge_agent.desired import load_desired
from edge_agent.processes.uploader import client_of
from edge_agent.releases.installing import Bed, Installer, self_test
from edge_agent.runner import Context
from shared.clock import NS_PER_S
from shared.errors import DeepEpilError, Transient
from shared.release_order import ReleaseOrder, read_keys

TURN_MS = 1_000
AGAIN_NS = 30 * NS_PER_S
"""After a cloud or a disk that was away."""


def run(context: Context) -> None:
    """Until the stop: the order of the newest desired state, once it is new; a bed without keys obeys none."""
    settings, connection = context.settings, context.database()
    keys_file = settings.detector.release_keys_file
    inbox = context.subscribe(BusTopic.desired)
    order, again_ns = load_desired(connection).order, 0
    while not context.stop.is_set():
        if order is not None and context.clock.monotonic_ns() >= again_ns:
            if keys_file is None:
                context.log.warning("release_order_passed_over", sentence="detector.release_keys_file is not set.")
                order = None
            else:
                bed = Bed(settings.bed.site, settings.bed.bed, context.folder, settings.detector.releases_folder)
                client = client_of(context)
                installer = Installer(bed, connection, read_keys(keys_file), client.release, self_test)
                order = _obeyed(context, installer, order)
                client.close()
                again_ns = context.clock.monotonic_ns() + AGAIN_NS if order is not None else 0
        found = inbox.receive(TURN_MS)
        if found is not None:
            order, again_ns = found[1].order, 0
        context.beat()


def _obeyed(context: Context, installer: Installer, order: ReleaseOrder) -> ReleaseOrder | None:
    """None when it was dealt with, the order itself when it is to be tried again."""
    try:
        standing = installer.obey(order)
    except Transient as error:
        context.log.warning("release_put_off", sentence=error.sentence)
        return order
    except DeepEpilError as error:
        context.log.error("release_order_refused", sentence=error.sentence)
        return None
    if standing is not None:
        word = f"release_{standing.stage.value}"
        context.log.info(word, release=standing.wanted, number=standing.number, sentence=standing.sentence)
    return None
