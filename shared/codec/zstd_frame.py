"""One zstandard frame of known size, unpacked within bounds of our own.

The library alone is not enough: `max_output_size` is ignored when the frame states its size, a second frame is dropped in
silence, and a stream reader takes a cut frame as whole. So the stated size must be the wanted one before anything is unpacked.
"""

from __future__ import annotations

import zstandard

from shared.errors import Refused

WINDOW_LOG = 15
MAX_WINDOW_BYTES = 1 << 17
MAX_IMAGE_BYTES = 1 << 27


def compressor() -> zstandard.ZstdCompressor:
    """Tuned for residuals: literals and runs alone, a Huffman table for each 32 KiB, with a checksum.

    Measured on Kinect noise: matching finds nothing but runs there, so the hash table is tiny; smaller windows mean
    smaller blocks and tables that fit, 1 % better than 128 KiB.
    """
    tuned = zstandard.ZstdCompressionParameters.from_level(
        1, window_log=WINDOW_LOG, hash_log=6, min_match=7, write_checksum=True, write_content_size=True
    )
    return zstandard.ZstdCompressor(compression_params=tuned)


def decompressor() -> zstandard.ZstdDecompressor:
    """Never takes more memory for a window than the largest image has."""
    return zstandard.ZstdDecompressor(max_window_size=MAX_IMAGE_BYTES)


def inflate(
    unpacker: zstandard.ZstdDecompressor, data: bytes | memoryview, size_bytes: int, *, residuals: bool = False
) -> bytes:
    """Exactly `size_bytes` bytes. Raises Refused for data that is not one whole frame that states this size.

    residuals: the frame must have a checksum, and a window of at most 128 KiB.
    """
    try:
        head = zstandard.get_frame_parameters(data)
        if head.content_size != size_bytes:
            raise Refused(f"A coded image does not state the {size_bytes} bytes that its pixels need.")
        if residuals and not head.has_checksum:
            raise Refused("A coded image has no checksum.")
        if residuals and head.window_size > MAX_WINDOW_BYTES:
            raise Refused(f"A coded image wants a window of {head.window_size} bytes; the limit is {MAX_WINDOW_BYTES}.")
        plain = bytes(unpacker.decompress(data, max_output_size=size_bytes, allow_extra_data=False))
    except zstandard.ZstdError as error:
        raise Refused(f"A coded image is damaged: {error}.") from error
    if len(plain) != size_bytes:
        raise Refused(f"A coded image unpacks to {len(plain)} bytes, not to the {size_bytes} that its pixels need.")
    return plain
