"""A browser's offer is checked before WebRTC sees it, and loses every address that somebody put into it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.live.offer import MOST_CANDIDATES, clean_offer
from shared.errors import Refused

OFFER = """v=0
o=- 1 2 IN IP4 127.0.0.1
s=-
t=0 0
a=group:BUNDLE 0 1
m=video 9 UDP/TLS/RTP/SAVPF 108
c=IN IP4 0.0.0.0
a=ice-ufrag:EkwF
a=ice-pwd:bvqDqBNj+DSlNJDN8fdYDdEu
a=fingerprint:sha-256 5A:60
a=setup:actpass
a=mid:0
a=recvonly
a=rtcp-mux
a=rtpmap:108 H264/90000
a=candidate:1 1 udp 2113937151 10.0.0.9 50000 typ host
a=candidate:2 1 udp 2113937151 0b9c.local 50001 typ host
a=candidate:3 1 tcp 1518280447 10.0.0.9 9 typ host tcptype active
a=end-of-candidates
m=application 9 UDP/DTLS/SCTP webrtc-datachannel
a=mid:1
"""


def test_addresses_are_dropped_where_the_site_uses_no_relay() -> None:
    cleaned = clean_offer(OFFER, keep_addresses=False)
    assert "10.0.0.9" not in cleaned
    assert "local" not in cleaned.replace("localhost", "")
    assert "candidate" not in cleaned


def test_with_a_relay_only_numeric_udp_addresses_stay_and_only_so_many() -> None:
    line = "a=candidate:1 1 udp 2113937151 10.0.0.9 50000 typ host\n"
    cleaned = clean_offer(OFFER.replace(line, line * 50), keep_addresses=True)
    assert cleaned.count("a=candidate:") == MOST_CANDIDATES
    assert ".local" not in cleaned
    assert " tcp " not in cleaned


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("v=0\n", "", "not a session description"),
        ("s=-", "s=\x07", "not a session description"),
        ("m=video", "m=audio", "one picture"),
        ("m=application", "m=video", "one picture"),
        ("H264/90000", "VP8/90000", "H.264"),
        ("a=recvonly", "a=sendrecv", "not send"),
        ("a=fingerprint:sha-256 5A:60\n", "", "not encrypted"),
        ("a=ice-pwd:bvqDqBNj+DSlNJDN8fdYDdEu\n", "", "names and passwords"),
        ("a=rtcp-mux\n", "a=rtcp-mux\n" * 500, "lines"),
        ("a=rtcp-mux", "a=" + "x" * 12_000, "characters"),
    ],
)
def test_what_is_wrong_with_an_offer_is_said(old: str, new: str, told: str) -> None:
    with pytest.raises(Refused, match=told):
        clean_offer(OFFER.replace(old, new, 1), keep_addresses=False)


@given(
    st.one_of(
        st.text(max_size=300), st.lists(st.sampled_from([*OFFER.split("\n"), "", "a=", "é=1", "m="])).map("\n".join)
    )
)
def test_no_text_does_more_than_be_refused_and_none_keeps_an_address(text: str) -> None:
    try:
        cleaned = clean_offer(text, keep_addresses=False)
    except Refused as error:
        assert error.sentence.endswith(".")
    else:
        assert "candidate" not in cleaned
