"""What a browser's offer must be, before any WebRTC code sees it. In: SDP text. Out: the same without addresses, or Refused.

One picture that the browser only receives, H.264 among its codecs, at most one data channel, encrypted. Addresses in an offer are
dropped unless the site uses STUN or TURN: a browser on the bed's network reaches the bed by itself, and so an offer can never make
the bed send a packet to an address of somebody's choice.
"""

from __future__ import annotations

from shared.errors import Refused
from shared.live_view import LONGEST_SDP

MOST_LINES = 400
MOST_CANDIDATES = 20


def clean_offer(sdp: str, *, keep_addresses: bool) -> str:
    """The offer as the bed takes it. Raises Refused with the first thing that is wrong."""
    if len(sdp) > LONGEST_SDP:
        raise Refused(f"The offer has {len(sdp)} characters; the limit is {LONGEST_SDP}.")
    lines = sdp.replace("\r\n", "\n").rstrip("\n").split("\n")
    if len(lines) > MOST_LINES:
        raise Refused(f"The offer has {len(lines)} lines; the limit is {MOST_LINES}.")
    if lines[0] != "v=0" or not all(line[1:2] == "=" and line.isascii() and line.isprintable() for line in lines):
        raise Refused("The offer is not a session description.")
    _must_be_watching(lines)
    kept = [line for line in lines if not line.startswith(("a=candidate:", "a=end-of-candidates"))]
    if keep_addresses:
        found = [line for line in lines if line.startswith("a=candidate:") and _is_address(line)]
        kept += found[:MOST_CANDIDATES]
    return "\r\n".join(kept) + "\r\n"


def _must_be_watching(lines: list[str]) -> None:
    kinds = [line.split(" ")[0].removeprefix("m=") for line in lines if line.startswith("m=")]
    if kinds not in (["video"], ["video", "application"]):
        raise Refused("The offer must ask for one picture, with one data channel at most.")
    if not any(line.startswith("a=rtpmap:") and line.split(" ")[-1].upper() == "H264/90000" for line in lines):
        raise Refused("This browser does not offer to receive H.264.")
    if "a=recvonly" not in lines:
        raise Refused("The offer must receive the picture, not send one.")
    if not any(line.startswith("a=fingerprint:") for line in lines):
        raise Refused("The offer names no certificate: it is not encrypted.")
    if not {line.split(":")[0] for line in lines} >= {"a=ice-ufrag", "a=ice-pwd", "a=mid"}:
        raise Refused("The offer lacks the names and passwords of its transport.")


def _is_address(line: str) -> bool:
    """A numeric UDP address; names such as `….local`, and TCP, are of no use here."""
    parts = line.split(" ")
    return len(parts) > 5 and parts[2].lower() == "udp" and not parts[4].endswith(".local")
