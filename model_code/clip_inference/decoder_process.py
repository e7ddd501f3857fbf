"""A decoder process: it prepares pictures for its server, within bounds that the system holds.

Started by `decoders` as `python -m clip_inference.decoder_process SOCKET SHARED TURN BYTES`: the descriptors
of the line to the server and of the file whose lock gives the turn to large pictures, and the memory that one
picture may take; its time comes with it. It ends when the server does.
"""

import fcntl
import logging
import os
import resource
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from typing import BinaryIO, cast

from clip_inference.config import ImageSettings
from clip_inference.errors import InferenceError, InternalError, PictureTooCostlyError
from clip_inference.messages import Header, Line
from clip_inference.prepare import prepare

# From here on a picture may take hundreds of megabytes, and is decoded when no other such one is.
LARGE_PIXELS = 24_000_000

MAX_REQUEST_BYTES = 2**32 - 1

# The server first: where the tower's threads wait for each other, a decoder that delays one delays all. It
# still has the processors whenever the tower leaves them, and all of them when there is nothing to encode.
NICENESS = 10

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Bounds:
    """What one picture may take: `seconds` of wall-clock time, and the lock `turn` of the large ones."""

    seconds: float
    turn: int

    @contextmanager
    def admitted(self, pixels: int) -> Iterator[None]:
        """Wait for the turn of a large picture. The clock stands meanwhile and starts anew."""
        if pixels < LARGE_PIXELS:
            yield
            return
        stop_clock()
        fcntl.lockf(self.turn, fcntl.LOCK_EX)
        try:
            start_clock(self.seconds)
            yield
        finally:
            fcntl.lockf(self.turn, fcntl.LOCK_UN)


def start_clock(seconds: float) -> None:
    """Let the system end this process after `seconds`, whatever it is doing then."""
    signal.setitimer(signal.ITIMER_REAL, seconds)


def stop_clock() -> None:
    """Take back what `start_clock` asked for."""
    signal.setitimer(signal.ITIMER_REAL, 0)


def serve(line: Line, turn: int) -> None:
    """Answer every picture that comes until the server is gone."""
    with suppress(EOFError):
        while True:
            _serve_one(line, turn)


def _serve_one(line: Line, turn: int) -> None:
    asked, data = line.receive(max_body_bytes=MAX_REQUEST_BYTES)
    bounds = Bounds(seconds=asked["seconds"], turn=turn)
    start_clock(bounds.seconds)
    answer, levels = _answer(data, ImageSettings(**asked["settings"]), bounds)
    stop_clock()
    line.send(answer, levels)


def _answer(data: bytes, settings: ImageSettings, bounds: Bounds) -> tuple[Header, bytes]:
    try:
        prepared = prepare(data, settings, admission=bounds.admitted)
    except InferenceError as error:
        return _failure(error)
    except MemoryError:
        return _failure(
            PictureTooCostlyError("Decoding the picture takes more memory than one picture is given.")
        )
    except Exception:
        log.exception("Unforeseen failure")
        return _failure(InternalError())
    facts = {
        "width": prepared.width,
        "height": prepared.height,
        "content_type": prepared.content_type,
        "perceptual_hash": prepared.perceptual_hash,
    }
    return facts, prepared.levels.tobytes()


def _failure(error: InferenceError) -> tuple[Header, bytes]:
    return {"error": error.code, "message": error.message}, b""


def bound_memory(more: int) -> None:
    """Let this process take `more` bytes of addresses beyond what it has, and leave no dump in a crash."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * os.sysconf("SC_PAGE_SIZE") + more
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def main(connection: int, shared: int, turn: int, memory: int) -> None:
    """Serve on the line of these descriptors until it is closed."""
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    # A terminal interrupts the whole group; the server decides for itself, and this process ends with it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    bound_memory(memory)
    os.nice(NICENESS)
    with socket.socket(fileno=connection).makefile("rwb") as stream:
        serve(Line(cast(BinaryIO, stream), FileIO(shared, "r+")), turn)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
