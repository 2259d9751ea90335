"""Without numba the recorder still writes, codec 1, and every codec is still read."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from shared.codec import Codec
from shared.codec.encoder import StreamEncoder
from shared.codec.presence import CACHE_VARIABLE, keep_compiled_in, kernels_available, warm_up
from tests.shared.codec.images import bed_stream

_WITHOUT_NUMBA = """
import sys
sys.modules["numba"] = None
import numpy as np
from shared.codec import Codec
from shared.codec.decoder import Background, ImageDecoder
from shared.codec.encoder import StreamEncoder
from shared.codec.presence import kernels_available, warm_up
from shared.preview import preview_of
from tests.shared.codec.images import bed_stream
assert preview_of(None, np.full((106, 128), 65535, np.uint16))[0].min() == 255
assert not kernels_available() and not warm_up()
key, image = bed_stream(2)
codec, data = StreamEncoder().encode(key[1], 0)
assert codec is Codec.left_planes_zstd
decoder = ImageDecoder()
assert np.array_equal(decoder.decode(codec, data, 64, 48), key[1])
coded = [bytes.fromhex(line) for line in sys.stdin.read().split()]
background = Background(decoder)
background.start(decoder.decode(Codec.med_zstd, coded[0], 64, 48))
assert np.array_equal(background.decode(coded[1], 64, 48), image[1])
"""


def test_without_numba_everything_is_recorded_and_read() -> None:
    encoder = StreamEncoder()
    coded = [encoder.encode(image, mono_ns) for mono_ns, image in bed_stream(2)]
    assert [codec for codec, _ in coded] == [Codec.med_zstd, Codec.background_zstd]
    done = subprocess.run(
        [sys.executable, "-c", _WITHOUT_NUMBA], input="\n".join(data.hex() for _, data in coded),
        capture_output=True, text=True, check=False, cwd=Path(__file__).parents[3],
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


_PREVIEWS_ALONE = """
import sys
from pathlib import Path
from shared.segment import SegmentReader
with SegmentReader(Path(sys.argv[1])) as reader:
    assert len(list(reader.previews())) == 2
    assert len(list(reader.frames())) == 10
assert "numba" not in sys.modules
"""


def test_who_reads_previews_alone_loads_no_kernels() -> None:
    root = Path(__file__).parents[3]
    golden = next((root / "tests/golden/segment-v0/compiled").glob("*.seg"))
    done = subprocess.run(
        [sys.executable, "-c", _PREVIEWS_ALONE, golden], capture_output=True, text=True, check=False, cwd=root
    )
    assert done.returncode == 0, done.stderr


def test_with_numba_the_kernels_are_there() -> None:
    assert warm_up()
    assert kernels_available()


def test_the_kernels_run_on_arrays_that_nobody_may_write() -> None:
    image = bed_stream(1)[0][1]
    image.flags.writeable = False
    assert isinstance(StreamEncoder().encode(image, 0)[1], bytes)


@pytest.mark.parametrize("writable", [True, False])
def test_compiled_kernels_are_kept_elsewhere_only_when_the_installed_files_are_read_only(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, writable: bool
) -> None:
    monkeypatch.setenv(CACHE_VARIABLE, "taken back at the end")
    monkeypatch.delenv(CACHE_VARIABLE)
    monkeypatch.setattr(os, "access", lambda _path, _mode: writable)
    keep_compiled_in(tmp_path)
    assert os.environ.get(CACHE_VARIABLE) == (None if writable else str(tmp_path))
    monkeypatch.setenv(CACHE_VARIABLE, "chosen")
    keep_compiled_in(tmp_path)
    assert os.environ[CACHE_VARIABLE] == "chosen"
