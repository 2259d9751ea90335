"""The fast CRC-32 is zlib's own, in one piece and in many."""

import zlib

from hypothesis import given
from hypothesis import strategies as st
from isal import isal_zlib

from shared.crc32 import crc32


def test_the_fast_one_is_used_where_it_is_installed() -> None:
    assert crc32 is isal_zlib.crc32


@given(st.lists(st.binary(max_size=3000), max_size=4))
def test_it_gives_what_zlib_gives(pieces: list[bytes]) -> None:
    found = wanted = 0
    for piece in pieces:
        found, wanted = crc32(piece, found), zlib.crc32(piece, wanted)
    assert found == wanted
    assert crc32(memoryview(b"".join(pieces))) == wanted
