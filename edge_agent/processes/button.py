"""Hears the button at the box and closes marked events when their time is over: wires the button to its port and the database."""

from __future__ import annotations

from edge_agent.button import Button, Pressed
from edge_agent.button_listener import TURN_S, ButtonListener
from edge_agent.outbox.store import Outbox
from edge_agent.runner import Context
from shared.errors import Transient


def run(context: Context) -> None:
    """Until the stop. Without a port it only closes what other presses (command line, web) opened."""
    settings = context.settings
    connection = context.database()
    button = Button(connection, Outbox(connection, settings.bed.site, settings.bed.bed), context.clock)
    presses = 0

    def press() -> Pressed:
        nonlocal presses
        pressed = button.press()
        presses += 1
        context.log.info("button_pressed", event_id=str(pressed.report.event_id), effect=pressed.effect.value)
        return pressed

    listener = ButtonListener(settings.button.port, press) if settings.button.port else None
    while not context.stop.is_set():
        if listener is not None:
            listener.turn()
        else:
            context.stop.wait(TURN_S)
        try:
            for report in button.tick():
                context.log.info("event_closed", event_id=str(report.event_id), cause=report.cause.value)
        except Transient as error:
            context.log.warning("button_troubled", sentence=error.sentence)
        context.beat(presses=presses)
    if listener is not None:
        listener.close()
