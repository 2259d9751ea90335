"""A bed that runs wild: sends valid events so many a second, or as fast as the broker takes them (0), in a process of its own.

    python -m tests.bench.delivery_flood PORT CA CERTIFICATE KEY SITE BED SECONDS RATE

Prints how many messages the broker acknowledged.
"""

from __future__ import annotations

import sys
import threading
import time

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from shared.clock import SystemClock
from shared.envelope import seal
from shared.topics import Address, Topic
from tests.bench.delivery_swarm import make_event

MESSAGES = 2_000
IN_FLIGHT = 500
CONNECT_LIMIT_S = 30.0


def flood(port: int, files: tuple[str, str, str], site: str, bed: str, seconds: float, rate: float) -> int:
    """Messages that the broker acknowledged."""
    clock, address = SystemClock(), Address(site, bed, Topic.event)
    payloads = [seal(address, make_event(clock), clock.utc_ns(), sequence=number + 1) for number in range(MESSAGES)]
    room, ready, acknowledged = threading.Semaphore(IN_FLIGHT), threading.Event(), [0]

    def answered(*_: object) -> None:
        acknowledged[0] += 1
        room.release()

    client = Client(CallbackAPIVersion.VERSION2, f"{site}.{bed}", protocol=MQTTProtocolVersion.MQTTv5)
    client.tls_set(*files)
    client.max_inflight_messages_set(IN_FLIGHT)
    client.on_connect = lambda *_: ready.set()
    client.on_publish = answered
    client.connect("127.0.0.1", port)
    client.loop_start()
    if not ready.wait(CONNECT_LIMIT_S):
        return 0
    start_s, number = time.monotonic(), 0
    while (now_s := time.monotonic() - start_s) < seconds:
        if rate and number >= now_s * rate:
            time.sleep(0.002)
        elif room.acquire(timeout=0.5):
            client.publish(address.text, payloads[number % MESSAGES], 1)
            number += 1
    client.disconnect()
    client.loop_stop()
    return acknowledged[0]


def main() -> None:
    port, authority, certificate, key, site, bed, seconds, rate = sys.argv[1:]
    print(flood(int(port), (authority, certificate, key), site, bed, float(seconds), float(rate)))


if __name__ == "__main__":
    main()
