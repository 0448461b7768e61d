"""A port that leads to one collector or to another, and a network that fails on the way.

Gives     Switch: ``point`` it, ``cut`` its connections, ``close`` it; and for a while ``holding``
          (nothing passes), ``refusing`` (nobody gets through), ``losing_answers`` (what the
          collector says is dropped, until the connection breaks), ``slowing`` and ``delaying``.
"""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

CHUNK = 65_536


class Switch:
    """Listens on a port of its own."""

    def __init__(self, target: str) -> None:
        self._target = target
        self._connections: set[asyncio.StreamWriter] = set()
        self._loop = asyncio.new_event_loop()
        self._passes = asyncio.Event()
        self._passes.set()
        self._refuses = 0
        self._loses_answers = 0
        self._bytes_per_second = 0
        self._late_seconds = 0.0
        self._thread = threading.Thread(target=self._loop.run_forever, name="switch", daemon=True)
        self._thread.start()
        listening = asyncio.start_server(self._serve, "127.0.0.1", 0)
        self._server = asyncio.run_coroutine_threadsafe(listening, self._loop).result(10)
        self.address = f"127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    def point(self, target: str) -> None:
        """Lead new connections to this address, and break those that there are."""
        self._target = target
        self.cut()

    def cut(self) -> None:
        """Break the connections."""
        asyncio.run_coroutine_threadsafe(self._break(), self._loop).result(10)

    @contextmanager
    def holding(self) -> Iterator[None]:
        """Let nothing pass; afterwards what waited does."""
        self._loop.call_soon_threadsafe(self._passes.clear)
        yield
        self._loop.call_soon_threadsafe(self._passes.set)

    @contextmanager
    def refusing(self) -> Iterator[None]:
        """Let nobody through."""
        self._refuses += 1
        self.cut()
        yield
        self._refuses -= 1

    @contextmanager
    def losing_answers(self) -> Iterator[None]:
        """Drop what comes back; the connection breaks in the end."""
        self._loses_answers += 1
        yield
        self._loses_answers -= 1
        self.cut()

    @contextmanager
    def slowing(self, bytes_per_second: int) -> Iterator[None]:
        """Let so much pass in each direction of a connection."""
        self._bytes_per_second = bytes_per_second
        yield
        self._bytes_per_second = 0

    @contextmanager
    def delaying(self, seconds: float) -> Iterator[None]:
        """Let new connections get through so much later."""
        self._late_seconds = seconds
        yield
        self._late_seconds = 0.0

    def close(self) -> None:
        """Listen no more."""
        self._loop.call_soon_threadsafe(self._passes.set)
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _end(self) -> None:
        self._server.close()
        await self._break()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        await asyncio.gather(*others, return_exceptions=True)

    async def _break(self) -> None:
        for writer in self._connections:
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        host, _, port = self._target.rpartition(":")
        try:
            if self._refuses:
                raise ConnectionRefusedError
            await asyncio.sleep(self._late_seconds)
            there, away = await asyncio.open_connection(host, int(port))
        except OSError:
            writer.transport.abort()
            return
        self._connections |= {writer, away}
        await asyncio.gather(
            self._pump(reader, away, answers=False), self._pump(there, writer, answers=True)
        )
        self._connections -= {writer, away}

    async def _pump(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, answers: bool
    ) -> None:
        """Pass on what comes until either side is gone."""
        lost = False
        with suppress(OSError):
            while chunk := await reader.read(CHUNK):
                await self._passes.wait()
                # What follows lost bytes means nothing.
                lost |= answers and self._loses_answers > 0
                if lost:
                    continue
                if self._bytes_per_second:
                    await asyncio.sleep(len(chunk) / self._bytes_per_second)
                writer.write(chunk)
                await writer.drain()
        writer.close()
