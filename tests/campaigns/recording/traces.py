"""What a life does to its files, call by call: recorded by strace, replayed onto files in memory."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.campaigns.recording.bed import Bed
from tests.campaigns.recording.flushes import wait_for_tracer
from tests.campaigns.recording.life import Plan

CALLS = "openat,write,writev,pwrite64,fsync,fdatasync,rename,unlink,ftruncate,mkdir,link,lseek,close"
_LINE = re.compile(r"^\d+ +(\w+)\((.*)\) += (-?\d+)")
_HEX = re.compile(r'"((?:\\x[0-9a-f]{2})*)"')
_FD = re.compile(r"^(\d+)<([^>]*)>")


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that happened. Paths are relative to the bed's folder; `node` is the file's number, whatever its name."""

    kind: str
    """create, rename, unlink (names); write, cut (bytes); sync, sync_folder; tell."""
    path: str = ""
    target: str = ""
    node: int = -1
    offset: int = 0
    data: bytes = b""
    told: Any = None


@dataclass(slots=True)
class Trace:
    """The files at the beginning (all of them on the disk), and every step after."""

    base: dict[str, bytes]
    folders: list[str]
    names: dict[str, int]
    steps: list[Step] = field(default_factory=list)


def record(bed: Bed, plan: Plan, log: Path) -> Trace:
    """Runs the life under strace and returns what it did. The folder must exist already."""
    base = {str(path.relative_to(bed.folder)): path.read_bytes() for path in bed.folder.rglob("*") if path.is_file()}
    folders = [str(path.relative_to(bed.folder)) for path in bed.folder.rglob("*") if path.is_dir()]
    names = {path: number for number, path in enumerate(sorted(base))}
    child = bed.begin(plan, gated=True)
    tracer = subprocess.Popen(
        ["strace", "-f", "-y", "-qq", "-xx", "-s", "10000000", "-o", str(log), "-p", str(child.pid), "-e",
         f"trace={CALLS}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    wait_for_tracer(child.pid)
    child.go()
    code = child.end()
    tracer.wait()
    assert code == 0, f"the traced life ended with {code}: {child.crash}"
    trace = Trace(base, folders, names)
    with log.open() as lines:
        trace.steps = list(
            _Reader(bed.folder, dict(names), {names[path]: len(base[path]) for path in base}).steps(lines)
        )
    return trace


def _text(quoted: str) -> str:
    return bytes.fromhex(quoted.replace("\\x", "")).decode(errors="replace")


def _plain(path: str) -> str:
    return _text(path) if path.startswith("\\x") else path


class _Reader:
    """Turns lines of strace into steps; follows names and file positions."""

    def __init__(self, folder: Path, names: dict[str, int], sizes: dict[int, int]) -> None:
        self._root = f"{folder}/"
        self._names, self._sizes = names, sizes
        self._next = len(names)
        self._at: dict[int, int] = {}

    def steps(self, lines: Iterator[str]) -> Iterator[Step]:
        for line in lines:
            match = _LINE.match(line)
            if match is None or int(match[3]) < 0:
                continue
            yield from getattr(self, f"_{match[1]}")(match[2], int(match[3]))

    def _inside(self, path: str) -> str | None:
        inside = path.startswith(self._root) and not path.endswith(("-shm", "(deleted)"))
        return path.removeprefix(self._root) if inside else None

    def _file(self, args: str) -> tuple[int, str | None]:
        match = _FD.match(args)
        assert match, args[:100]
        return int(match[1]), self._inside(_plain(match[2]))

    def _openat(self, args: str, descriptor: int) -> Iterator[Step]:
        path = self._inside(_text(_HEX.findall(args)[0]))
        self._at[descriptor] = 0
        if path is None or "O_DIRECTORY" in args:
            return
        if path not in self._names and "O_CREAT" in args:
            self._names[path] = self._next
            self._sizes[self._next] = 0
            self._next += 1
            yield Step("create", path, node=self._names[path])
        if "O_TRUNC" in args and path in self._names:
            self._sizes[self._names[path]] = 0
            yield Step("cut", node=self._names[path], offset=0)
        if "O_APPEND" in args and path in self._names:
            self._at[descriptor] = self._sizes[self._names[path]]

    def _put(self, args: str, data: bytes, offset: int | None) -> Iterator[Step]:
        descriptor, path = self._file(args)
        if path is None:
            if data.startswith(b"[") and offset is None:
                for told in data.splitlines():
                    yield Step("tell", told=json.loads(told))
            return
        node = self._names[path]
        at = self._at[descriptor] if offset is None else offset
        if offset is None:
            self._at[descriptor] = at + len(data)
        self._sizes[node] = max(self._sizes[node], at + len(data))
        yield Step("write", node=node, offset=at, data=data)

    def _write(self, args: str, count: int) -> Iterator[Step]:
        data = bytes.fromhex("".join(_HEX.findall(args)).replace("\\x", ""))
        return self._put(args, data[:count], None)

    _writev = _write

    def _pwrite64(self, args: str, count: int) -> Iterator[Step]:
        data = bytes.fromhex(_HEX.findall(args)[0].replace("\\x", ""))
        return self._put(args, data[:count], int(args.rsplit(", ", 1)[1]))

    def _fsync(self, args: str, _code: int) -> Iterator[Step]:
        path = self._file(args)[1]
        inside = _plain(_FD.match(args)[2]) + "/" if _FD.match(args) else ""  # type: ignore[index]
        if inside == self._root:
            yield Step("sync_folder", path="")
        elif path in self._names:
            yield Step("sync", node=self._names[path])
        elif path is not None:
            yield Step("sync_folder", path=path)

    _fdatasync = _fsync

    def _rename(self, args: str, _code: int) -> Iterator[Step]:
        old, new = (self._inside(_text(each)) for each in _HEX.findall(args))
        if old is not None and new is not None:
            node = self._names[new] = self._names.pop(old)
            yield Step("rename", old, new, node)

    def _link(self, args: str, _code: int) -> Iterator[Step]:
        old, new = (self._inside(_text(each)) for each in _HEX.findall(args))
        if old is not None and new is not None:
            node = self._names[new] = self._names[old]
            yield Step("create", new, node=node)

    def _unlink(self, args: str, _code: int) -> Iterator[Step]:
        path = self._inside(_text(_HEX.findall(args)[0]))
        if path in self._names:
            yield Step("unlink", path, node=self._names.pop(path))

    def _ftruncate(self, args: str, _code: int) -> Iterator[Step]:
        path = self._file(args)[1]
        if path is not None:
            size = int(args.rsplit(", ", 1)[1])
            self._sizes[self._names[path]] = size
            yield Step("cut", node=self._names[path], offset=size)

    def _lseek(self, args: str, position: int) -> Iterator[Step]:
        self._at[self._file(args)[0]] = position
        return iter(())

    def _mkdir(self, _args: str, _code: int) -> Iterator[Step]:
        return iter(())

    def _close(self, _args: str, _code: int) -> Iterator[Step]:
        return iter(())
