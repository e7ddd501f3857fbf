"""A way to a server on this machine that can be made long, or cut: what a network does to functions."""

import asyncio
import threading
from collections.abc import Awaitable, Callable
from contextlib import suppress
from types import TracebackType
from typing import Self, TypeVar

LOOPBACK = "127.0.0.1"
_CHUNK = 65_536
_START_SECONDS = 10.0

T = TypeVar("T")


class Link:
    """Carries TCP connections to ``port``; ``address`` is where it listens, while it is entered.

    Every byte comes ``delay`` seconds late, either way. While it is cut, connections are ended and none is
    let in.
    """

    def __init__(self, port: int) -> None:
        self.port = port
        self.address = ""
        self.delay = 0.0
        self._is_cut = False
        self._open: set[asyncio.StreamWriter] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self._server = self._run(lambda: asyncio.start_server(self._serve, LOOPBACK, 0))
        host, port = self._server.sockets[0].getsockname()
        self.address = f"{host}:{port}"
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._run(self._end)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_START_SECONDS)
        self._loop.close()

    def cut(self) -> None:
        """End every connection, and let none in."""
        self._is_cut = True
        self._run(self._abort_all)

    def restore(self) -> None:
        """Carry everything at once again."""
        self.delay, self._is_cut = 0.0, False

    def _run(self, make: Callable[[], Awaitable[T]]) -> T:
        async def awaited() -> T:
            return await make()

        return asyncio.run_coroutine_threadsafe(awaited(), self._loop).result(_START_SECONDS)

    async def _abort_all(self) -> None:
        for writer in list(self._open):
            writer.transport.abort()

    async def _end(self) -> None:
        self._server.close()
        await self._abort_all()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._is_cut:
            writer.transport.abort()
            return
        try:
            there_reader, there = await asyncio.open_connection(LOOPBACK, self.port)
        except OSError:
            writer.transport.abort()
            return
        self._open |= {writer, there}
        try:
            # The end of the link cancels this, which asyncio's own server would complain of.
            with suppress(asyncio.CancelledError):
                await asyncio.gather(self._carry(reader, there), self._carry(there_reader, writer))
        finally:
            self._open -= {writer, there}
            for each in (writer, there):
                each.transport.abort()

    async def _carry(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        """Bring what one end sends to the other, in its order, each part late by the delay of its time."""
        late: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()

        async def receive() -> None:
            chunk = b"..."
            while chunk:
                try:
                    chunk = await source.read(_CHUNK)
                except OSError:
                    chunk = b""
                await late.put((self._loop.time() + self.delay, chunk))

        async def deliver() -> None:
            with suppress(OSError):
                while True:
                    due, chunk = await late.get()
                    await asyncio.sleep(max(0.0, due - self._loop.time()))
                    if not chunk:
                        break
                    sink.write(chunk)
                    await sink.drain()
            sink.close()

        await asyncio.gather(receive(), deliver())
