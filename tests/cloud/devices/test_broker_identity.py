"""What a real broker makes of a bed's identity: its name, its client id, and the list of what was revoked."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import socket
import ssl
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode

from cloud.database import DatabaseAddress
from edge_agent.identity.key_files import KeyFiles
from edge_agent.identity.service import enrol, renew
from edge_agent.settings import Settings
from tests.brokers import Broker, brokers
from tests.cloud.devices.identity_house import IdentityHouse
from tests.waiting import wait_for

WATCHER = Path(__file__).parents[3] / "ansible/roles/mosquitto/templates/deepepil-revoked.j2"


class Link:
    """A bed's connection by the files of its settings, under any client id."""

    def __init__(self, box: Settings, port: int, client_id: str) -> None:
        self.connected = False
        files = KeyFiles.of(box.mqtt)
        self._client = Client(CallbackAPIVersion.VERSION2, client_id, reconnect_on_failure=False)
        self._client.tls_set(str(files.ca_file), str(files.certificate_file), str(files.key_file))
        self._client.on_connect = self._on_connect
        self._client.on_disconnect = self._on_disconnect
        self._client.on_message = lambda _client, _data, message: self.heard.append(message.topic)
        self.heard: list[str] = []
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()

    def _on_connect(self, client: Client, *_rest: object) -> None:
        client.subscribe("deepepil/v1/+/+/receipt", 1)
        self.connected = True

    def _on_disconnect(self, *_rest: object) -> None:
        self.connected = False

    def publish(self, topic: str) -> None:
        assert self._client.publish(topic, b"x", 1).rc == MQTTErrorCode.MQTT_ERR_SUCCESS

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


class Ward:
    """The house with a broker that knows its beds by their certificates, as the role mosquitto sets it up."""

    def __init__(self, house: IdentityHouse, broker: Broker) -> None:
        self.house = house
        self.broker = broker

    async def bed(self, name: str) -> Settings:
        box, code = self.house.box(name, self.broker.port), await self.house.offer(name)
        await asyncio.to_thread(enrol, box, self.house.enrolment_url, code.text)
        return box

    @contextmanager
    def link(self, box: Settings, client_id: str = "") -> Iterator[Link]:
        link = Link(box, self.broker.port, client_id or f"north.{box.bed.bed}")
        try:
            yield link
        finally:
            link.close()

    def reads_list(self) -> None:
        """SIGHUP; returns when the broker has read everything anew."""
        assert self.broker.pid is not None
        before = self.broker.log.count("Reloading config")
        os.kill(self.broker.pid, signal.SIGHUP)
        wait_for(lambda: self.broker.log.count("Reloading config") > before, "the broker's reload")

    def refusal(self, box: Settings) -> str:
        """What the broker says to the bed's certificate in TLS itself; fails when it lets the bed in."""
        files = KeyFiles.of(box.mqtt)
        context = ssl.create_default_context(cafile=str(files.ca_file))
        context.load_cert_chain(files.certificate_file, files.key_file)
        with pytest.raises(ssl.SSLError) as refused:
            self._listen(context)
        return str(refused.value)

    def _listen(self, context: ssl.SSLContext) -> None:
        with (
            socket.create_connection(("127.0.0.1", self.broker.port), 30) as plain,
            context.wrap_socket(plain, server_hostname="127.0.0.1") as link,
        ):
            link.recv(1)

    def took(self, topic: str) -> bool:
        return any("Received PUBLISH" in line and topic in line for line in self.broker.log.splitlines())


@pytest.fixture
async def ward(database: DatabaseAddress, tmp_path: Path) -> AsyncIterator[Ward]:
    house = IdentityHouse(tmp_path)
    access = tmp_path / "acl"
    access.write_text("pattern write deepepil/v1/north/+/event\n")
    lines = [
        f"cafile {tmp_path}/beds.crt", f"certfile {house.server.certificate_file}", f"keyfile {house.server.key_file}",
        f"crlfile {house.crl_file}", "require_certificate true", "use_identity_as_username true",
        "use_username_as_clientid true", "tls_version tlsv1.3", f"acl_file {access}",
    ]  # fmt: skip
    with brokers(tmp_path) as make:
        broker = make(more="\n".join(lines))
        async with house.serving():
            yield Ward(house, broker)


async def test_an_enrolled_bed_publishes_renews_and_is_silent_once_it_is_revoked(ward: Ward) -> None:
    box = await ward.bed("bed-1")
    with ward.link(box) as link:
        wait_for(lambda: link.connected, "the first connection")
        link.publish("deepepil/v1/north/bed-1/event")
        wait_for(lambda: ward.took("deepepil/v1/north/bed-1/event"), "the bed's message")
    assert await asyncio.to_thread(renew, box, 0, force=True) is not None
    with ward.link(box) as link:
        wait_for(lambda: link.connected, "a connection with the new certificate")
    assert await ward.house.revoke() == 2
    ward.reads_list()
    assert "CERTIFICATE_REVOKED" in ward.refusal(box)


async def test_a_bed_that_is_not_revoked_goes_on_after_the_broker_read_the_list(ward: Ward) -> None:
    gone, other = await ward.bed("bed-1"), await ward.bed("bed-2")
    with ward.link(other) as link:
        wait_for(lambda: link.connected, "the connection")
        await ward.house.revoke("bed-1")
        ward.reads_list()
        link.publish("deepepil/v1/north/bed-2/event")
        wait_for(lambda: ward.took("deepepil/v1/north/bed-2/event"), "the message after the reload")
        assert link.connected
    assert "CERTIFICATE_REVOKED" in ward.refusal(gone)


async def test_a_reload_does_not_end_a_connection_that_is_open_and_a_restart_does(ward: Ward) -> None:
    """Why the brokers' watcher restarts the broker when a certificate was revoked."""
    box = await ward.bed("bed-1")
    with ward.link(box) as link:
        wait_for(lambda: link.connected, "the connection")
        await ward.house.revoke()
        ward.reads_list()
        link.publish("deepepil/v1/north/bed-1/event")
        wait_for(lambda: ward.took("deepepil/v1/north/bed-1/event"), "a message of the revoked bed")
        ward.broker.kill()
        wait_for(lambda: not link.connected, "the end of the connection")
    ward.broker.start()
    assert "CERTIFICATE_REVOKED" in ward.refusal(box)


async def test_a_bed_cannot_push_another_off_by_taking_its_client_id(ward: Ward) -> None:
    first, second = await ward.bed("bed-1"), await ward.bed("bed-2")
    with ward.link(first) as mine:
        wait_for(lambda: mine.connected, "the first bed")
        with ward.link(second, client_id="north.bed-1") as other:
            wait_for(lambda: other.connected, "the second bed")
            mine.publish("deepepil/v1/north/bed-1/event")
            wait_for(lambda: ward.took("deepepil/v1/north/bed-1/event"), "the first bed's message")
            assert mine.connected
        assert "as north.bed-2" in ward.broker.log


class Watcher:
    """The program that the role mosquitto puts on the broker's host, in folders of the test; `systemctl` only writes down what it was told."""

    def __init__(self, house: IdentityHouse) -> None:
        self.certificates = house.folder / "certs"
        self.certificates.mkdir()
        self._programs = house.folder / "bin"
        self._programs.mkdir()
        self._told = house.folder / "told"
        shutil.copy(house.servers.ca_file, self.certificates / "authority.crt")
        shutil.copy(house.folder / "beds.crt", self.certificates / "beds-authority.crt")
        shutil.copy(house.crl_file, self.certificates / "beds.crl")
        for name, text in (("systemctl", f'#!/bin/sh\necho "$@" >> {self._told}\n'), ("chown", "#!/bin/sh\n")):
            (self._programs / name).write_text(text)
            (self._programs / name).chmod(0o755)
        text = (
            WATCHER.read_text()
            .replace("{{ ansible_managed }}", "")
            .replace("/etc/mosquitto/certs", str(self.certificates))
        )
        self._file = house.folder / "deepepil-revoked"
        self._file.write_text(text.replace("{{ mosquitto_enrol_url | quote }}", house.enrolment_url))

    def look(self) -> int:
        path = f"{self._programs}:{os.environ['PATH']}"
        return subprocess.run(["sh", self._file], env={"PATH": path}, check=False, timeout=60).returncode

    @property
    def told(self) -> str:
        return self._told.read_text() if self._told.exists() else ""


async def test_the_brokers_watcher_restarts_it_for_a_revoked_certificate_and_for_nothing_else(
    database: DatabaseAddress, tmp_path: Path
) -> None:
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed; `apt-get install curl` brings it.")
    house = IdentityHouse(tmp_path)
    watcher = Watcher(house)
    async with house.serving():
        code = await house.offer()
        await asyncio.to_thread(enrol, house.box(), house.enrolment_url, code.text)
        assert (await asyncio.to_thread(watcher.look), watcher.told) == (0, "")
        await house.revoke()
        assert (await asyncio.to_thread(watcher.look), watcher.told) == (0, "restart mosquitto\n")
        assert (await asyncio.to_thread(watcher.look), watcher.told) == (0, "restart mosquitto\n")
        os.utime(watcher.certificates / "beds.crl", (1, 1))
        assert (await asyncio.to_thread(watcher.look), watcher.told) == (0, "restart mosquitto\nreload mosquitto\n")
        shutil.copy(house.servers.ca_file, watcher.certificates / "beds-authority.crt")
        before = (watcher.certificates / "beds.crl").read_bytes()
        assert await asyncio.to_thread(watcher.look) != 0
        assert (watcher.certificates / "beds.crl").read_bytes() == before
