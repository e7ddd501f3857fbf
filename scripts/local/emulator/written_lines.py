"""What a process writes, by lines, and never later than asked for.

Free of the emulator.
"""

import os
import queue
import select
import threading
from contextlib import suppress
from typing import IO, Any

CHUNK_BYTES = 65536


class WrittenLines:
    """Puts the lines that come through ``pipe`` into ``lines``, from whichever thread looks first."""

    def __init__(self, pipe: IO[Any], lines: "queue.Queue[str]") -> None:
        self._pipe = pipe  # kept, as its descriptor would be closed with it
        self._lines = lines
        self._begun = b""
        self._reading = threading.Lock()

    def take(self) -> bool:
        """Put everything that is written by now; False once nothing more can come."""
        with self._reading:
            while self._is_ready(wait=False):
                if not (data := os.read(self._pipe.fileno(), CHUNK_BYTES)):
                    if self._begun:
                        self._put(self._begun)
                        self._begun = b""
                    return False
                *whole, self._begun = (self._begun + data).split(b"\n")
                for line in whole:
                    self._put(line)
        return True

    def follow(self) -> None:
        """Take what is written whenever something is, until nothing more can come."""
        with suppress(OSError, ValueError):  # the pipe is closed on this side
            while self._is_ready(wait=True) and self.take():
                pass

    def _is_ready(self, *, wait: bool) -> bool:
        looking = select.poll()
        looking.register(self._pipe.fileno(), select.POLLIN)
        return bool(looking.poll(None if wait else 0))

    def _put(self, line: bytes) -> None:
        self._lines.put(line.decode(errors="replace"))
