"""Over which addresses the bed may be watched: those of the network that the settings name, and what STUN and TURN add."""

from __future__ import annotations

import base64
import hashlib
import hmac
import ipaddress
import socket
from collections.abc import Iterable

import aioice.ice
import psutil
from aiortc import RTCConfiguration, RTCIceServer
from aiortc.rtcconfiguration import RTCIceTransportPolicy

from edge_agent.settings import LiveSettings
from shared.clock import NS_PER_S
from shared.errors import Misconfigured

CREDENTIALS_LAST_S = 3600
_FAMILIES = {socket.AF_INET, socket.AF_INET6}


def own_addresses() -> list[str]:
    """Every numeric address of this machine."""
    found = [each for addresses in psutil.net_if_addrs().values() for each in addresses]
    return [each.address for each in found if each.family in _FAMILIES and "%" not in each.address]


def addresses_within(network: str, addresses: Iterable[str]) -> list[str]:
    """Those that lie in the network, such as 10.20.0.0/16."""
    if not network:
        return []
    wanted = ipaddress.ip_network(network)
    return [each for each in addresses if ipaddress.ip_address(each) in wanted]


def listen_only_within(network: str) -> None:
    """From now on this process opens sockets for viewers on these addresses alone.

    aioice has no setting for it: it would listen on, and tell the viewer, every address of the machine. Its one function that
    names them is replaced; this process does nothing else.
    """

    def host_addresses(use_ipv4: bool, use_ipv6: bool) -> list[str]:
        found = addresses_within(network, own_addresses())
        return [each for each in found if (use_ipv6 if ":" in each else use_ipv4)]

    aioice.ice.get_host_addresses = host_addresses


def turn_credentials(secret: str, name: str, utc_ns: int) -> tuple[str, str]:
    """User name and password for an hour, by the shared secret of the TURN server (draft-uberti-behave-turn-rest-00)."""
    user = f"{utc_ns // NS_PER_S + CREDENTIALS_LAST_S}:{name}"
    digest = hmac.new(secret.encode(), user.encode(), hashlib.sha1).digest()
    return user, base64.b64encode(digest).decode()


def configuration(live: LiveSettings, bed: str, utc_ns: int) -> RTCConfiguration:
    """What the settings say of STUN and TURN; none without them. Raises Misconfigured when the secret cannot be read."""
    servers = [RTCIceServer(urls=live.stun)] if live.stun else []
    if live.turn and live.turn_secret_file is not None:
        try:
            secret = live.turn_secret_file.read_text().strip()
        except OSError as error:
            raise Misconfigured(f"live.turn_secret_file cannot be read: {error.strerror}.") from error
        user, password = turn_credentials(secret, bed, utc_ns)
        servers.append(RTCIceServer(urls=live.turn, username=user, credential=password))
    policy = RTCIceTransportPolicy.RELAY if live.relay_only else RTCIceTransportPolicy.ALL
    return RTCConfiguration(iceServers=servers, iceTransportPolicy=policy)
