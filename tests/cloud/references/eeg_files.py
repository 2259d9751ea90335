"""Files of an EEG as other programs write them: a table in the style of SzCORE, and EDF+ with annotations."""

from __future__ import annotations

SZCORE = (
    b"onset\tduration\teventType\tconfidence\tchannels\tdateTime\trecordingDuration\n"
    b"100.5\t40.0\tsz_foc_ia\tn/a\tn/a\t2026-05-28 20:00:00\t3600\n"
    b"600\tn/a\tbckg\tn/a\tn/a\t2026-05-28 20:00:00\t3600\n"
    b"1200.0\t60\tsz\tn/a\tn/a\t2026-05-28 20:00:00\t3600\n"
)


def tal(onset: str, text: str, duration: str = "") -> bytes:
    """One time-stamped annotation."""
    return onset.encode() + (b"\x15" + duration.encode() if duration else b"") + b"\x14" + text.encode() + b"\x14\x00"


def edf(annotations: list[bytes], *, signal_samples: int = 4, date: str = "28.05.26", time: str = "20.00.00") -> bytes:
    """An EDF+C file of one ordinary signal and one of annotations; each annotation has a record of its own."""
    room = 120
    labels = [b"EEG Fp1".ljust(16), b"EDF Annotations".ljust(16)]
    samples = [signal_samples, room // 2]
    header = b"0".ljust(8) + b"X X X X".ljust(80) + b"Startdate 28-MAY-2026 X X X".ljust(80)
    header += date.encode() + time.encode() + str(256 * 3).encode().ljust(8) + b"EDF+C".ljust(44)
    header += str(len(annotations)).encode().ljust(8) + b"1".ljust(8) + b"2".ljust(4)
    header += b"".join(labels) + b" " * (2 * (80 + 8 * 5 + 80))
    header += b"".join(str(count).encode().ljust(8) for count in samples) + b" " * 64
    records = b""
    for number, annotation in enumerate(annotations):
        dated = f"+{number}".encode() + b"\x14\x14\x00" + annotation
        records += b"\x01\x02" * signal_samples + dated.ljust(room, b"\x00")
    return header + records
