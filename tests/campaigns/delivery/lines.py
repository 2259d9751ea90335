"""A line between two parts, of ours: a TCP proxy that can be stalled, half open, reset, slow, or lose an answer.

One thread and one event loop serve all lines of a house. A rule may be changed at any moment; connections that are open go on
under the new one. Bytes are never changed: what TLS carries is the parts' own.
"""

from __future__ import annotations

import asyncio
import random
import socket
import struct
import threading
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field

PIECE_BYTES = 64 * 1024
_LINGER_NONE = struct.pack("ii", 1, 0)


@dataclass(frozen=True, slots=True)
class Rule:
    """How a line behaves. All off: bytes pass.

    stalled: nothing passes, and what came in passes later (a partition that heals within TCP's patience). half_open: what a
    client says is swallowed, and nobody hangs up. reset_after: bytes from the client after which a connection is reset.
    reset_share: share of the connections that are reset at a random byte of their first 64 KiB. delay_s: each piece waits so
    long. lost_reply: when the client has said these bytes, nothing of the server reaches it any more, and it is reset.
    """

    refused: bool = False
    stalled: bool = False
    half_open: bool = False
    reset_after: int | None = None
    reset_share: float = 0.0
    delay_s: float = 0.0
    lost_reply: bytes = b""


OPEN = Rule()


@dataclass(slots=True)
class Line:
    """One listening port and where it leads. `counts`: connections, resets, replies that were lost."""

    name: str
    port: int
    target: int
    rule: Rule = OPEN
    counts: Counter[str] = field(default_factory=Counter)
    dice: random.Random = field(default_factory=random.Random)
    links: set[_Link] = field(default_factory=set)


class _Link:
    """One connection through a line: two pumps."""

    def __init__(self, line: Line, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._line, self._reader, self._writer = line, reader, writer
        self._there: asyncio.StreamWriter | None = None
        self._said = 0
        self._tail = b""
        self._deaf = False
        unlucky = line.dice.random() < line.rule.reset_share
        self._reset_at = line.dice.randrange(1, 65_536) if unlucky else line.rule.reset_after

    async def run(self) -> None:
        try:
            reader, self._there = await asyncio.open_connection("127.0.0.1", self._line.target)
            both = (self._up(self._there), self._down(reader))
            done, rest = await asyncio.wait([asyncio.create_task(each) for each in both],
                                            return_when=asyncio.FIRST_COMPLETED)  # fmt: skip
            for task in rest:
                task.cancel()
            await asyncio.gather(*done, *rest, return_exceptions=True)
        except OSError:
            pass
        finally:
            self.cut()

    async def _passes(self) -> Rule:
        while True:
            rule = self._line.rule
            if rule.delay_s:
                await asyncio.sleep(rule.delay_s)
            if not rule.stalled:
                return rule
            await asyncio.sleep(0.02)

    async def _up(self, there: asyncio.StreamWriter) -> None:
        while piece := await self._reader.read(PIECE_BYTES):
            rule = await self._passes()
            if rule.half_open:
                continue
            if self._reset_at is not None and self._said + len(piece) > self._reset_at:
                there.write(piece[: max(0, self._reset_at - self._said)])
                await there.drain()
                self._line.counts["resets"] += 1
                return
            self._said += len(piece)
            self._listen_for(rule.lost_reply, piece)
            there.write(piece)
            await there.drain()

    def _listen_for(self, words: bytes, piece: bytes) -> None:
        if not words:
            return
        self._tail = (self._tail + piece)[-4096:]
        if words in self._tail and not self._deaf:
            self._deaf = True
            self._line.counts["replies_lost"] += 1
            asyncio.get_running_loop().call_later(0.3, self.cut)

    async def _down(self, reader: asyncio.StreamReader) -> None:
        while piece := await reader.read(PIECE_BYTES):
            rule = await self._passes()
            if rule.half_open or self._deaf:
                continue
            self._writer.write(piece)
            await self._writer.drain()

    def cut(self) -> None:
        """Resets both sides."""
        for writer in (self._writer, self._there):
            if writer is not None:
                with suppress(OSError, AttributeError):
                    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NONE)
                writer.transport.abort()


class Lines:
    """All lines of a house, served by one thread until `close`."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True, name="lines")
        self._thread.start()
        self._servers: list[asyncio.Server] = []

    def lay(self, name: str, target: int, dice: random.Random) -> Line:
        """A new line to a port of this machine."""
        line = Line(name, 0, target, dice=dice)
        asyncio.run_coroutine_threadsafe(self._listen(line), self._loop).result(10)
        return line

    async def _listen(self, line: Line) -> None:
        async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            line.counts["connections"] += 1
            link = _Link(line, reader, writer)
            if line.rule.refused:
                link.cut()
                return
            line.links.add(link)
            with suppress(asyncio.CancelledError):  # the end of the house
                await link.run()
            line.links.discard(link)

        server = await asyncio.start_server(take, "127.0.0.1", 0)
        line.port = int(server.sockets[0].getsockname()[1])
        self._servers.append(server)

    def cut(self, line: Line) -> None:
        """Resets what is open on the line."""
        self._loop.call_soon_threadsafe(self._cut, line)

    def _cut(self, line: Line) -> None:
        for link in list(line.links):
            link.cut()

    def close(self) -> None:
        """Resets all connections and ends the thread."""
        with suppress(TimeoutError):
            asyncio.run_coroutine_threadsafe(self._end(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        self._loop.close()

    async def _end(self) -> None:
        for server in self._servers:
            server.close()
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
