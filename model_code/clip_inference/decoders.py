"""Decoder processes as the server sees them: a picture that crashes or holds up its decoder costs itself."""

import logging
import os
import queue
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from functools import cache
from io import FileIO
from typing import BinaryIO, cast

import numpy as np

from clip_inference.config import ImageSettings
from clip_inference.errors import InferenceError, PictureCorruptError, PictureTooCostlyError, error_of
from clip_inference.messages import Header, Line
from clip_inference.prepare import PreparedPicture
from clip_inference.runtimes import available_cores

# What one picture may take. A progressive JPEG or a PNG of 120 megapixels, the most that are read, takes
# 0.75 GB; HEIC and AVIF take up to 9 bytes a pixel, WebP 16.
SECONDS = 20.0
MEMORY = 1_100_000_000
# What pictures that run out of their time may cost a request for each process, and what each of the others
# has from then on: two requests of 256 hopeless ones, one behind the other, are answered within the ten
# minutes that a transform job waits for both.
LOST_SECONDS = 60.0
HURRIED_SECONDS = 1.0
# Beyond the clock that a decoder process sets itself; only one that cannot even be ended by it is waited for.
GRACE_SECONDS = 5.0
# Where there are more processors, encoding is what takes the time.
MAX_PROCESSES = 8
# A process may have died of something else than its picture.
TRIES = 2

# Of the server's variables a decoder sees those that an interpreter may need, and no credentials.
INHERITED = ("PATH", "LD_LIBRARY_PATH", "PYTHONHOME", "LANG", "LC_ALL", "TMPDIR")
# One thread and one arena: their reserved addresses would count as memory that a picture takes.
ADDED = {"OPENBLAS_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "1"}

log = logging.getLogger(__name__)


class DecoderLostError(Exception):
    """The process ended before it answered, with this exit `status`, a signal's number negated."""

    def __init__(self, status: int) -> None:
        super().__init__(f"a decoder process ended with status {status}")
        self.status = status


class Patience:
    """How long each picture of one request may take: little, once others of it have lost `lost` seconds.

    Hopeless pictures must not take the time of the good ones among them. Used from several threads.
    """

    def __init__(self, *, seconds: float, lost: float) -> None:
        self._seconds = seconds
        self._left = lost
        self._losing = threading.Lock()

    @property
    def seconds(self) -> float:
        """What the next picture may take."""
        return self._seconds if self._left > 0 else min(HURRIED_SECONDS, self._seconds)

    def lose(self, seconds: float) -> None:
        """A picture has run out of so much time."""
        with self._losing:
            self._left -= seconds


class DecoderProcess:
    """One process, and the line to it."""

    def __init__(self, *, turn: int, patience: float, memory: int) -> None:
        ours, theirs = socket.socketpair()
        shared = FileIO(os.memfd_create("picture"), "r+")
        with theirs:
            arguments = map(str, (theirs.fileno(), shared.fileno(), turn, memory))
            self._process = subprocess.Popen(
                # -P: nothing in the working directory is imported. Pillow warns of damaged pictures.
                [sys.executable, "-P", "-W", "ignore", "-m", "clip_inference.decoder_process", *arguments],
                env=_environment(),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=(theirs.fileno(), shared.fileno(), turn),
            )
        with ours:
            ours.settimeout(patience)
            self._line = Line(cast(BinaryIO, ours.makefile("rwb")), shared)

    def prepare(self, data: bytes, settings: ImageSettings, *, seconds: float) -> PreparedPicture:
        """The picture, as `prepare.prepare` makes it ready. Raises its errors, and `DecoderLostError`."""
        try:
            self._line.send({"seconds": seconds, "settings": asdict(settings)}, data)
            answer, levels = self._line.receive(max_body_bytes=3 * settings.size**2)
            return _prepared(answer, levels, settings.size)
        except TimeoutError as error:
            self.end()
            raise DecoderLostError(-signal.SIGALRM) from error
        except (EOFError, OSError, ValueError, KeyError, TypeError) as error:
            raise DecoderLostError(self.end()) from error

    def end(self) -> int:
        """Kill the process where it still runs; return its exit status."""
        self._process.kill()
        self._line.close()
        return self._process.wait()


def _environment() -> dict[str, str]:
    inherited = {name: os.environ[name] for name in INHERITED if name in os.environ}
    return inherited | ADDED | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}


def _prepared(answer: Header, levels: bytes, size: int) -> PreparedPicture:
    """The picture in a process's answer; its error is raised, and ValueError where it is no such answer."""
    if "error" in answer:
        raise error_of(str(answer["error"]), str(answer["message"]))
    return PreparedPicture(
        levels=np.frombuffer(levels, np.uint8).reshape(size, size, 3),
        width=int(answer["width"]),
        height=int(answer["height"]),
        content_type=str(answer["content_type"]),
        perceptual_hash=str(answer["perceptual_hash"]),
    )


class DecoderPool:
    """At most `size` decoder processes, each started when it is first needed and again where it was lost."""

    def __init__(self, size: int, *, seconds: float = SECONDS, memory: int = MEMORY) -> None:
        self.size = size
        self._seconds = seconds
        self._memory = memory
        self._turn = os.fdopen(os.memfd_create("turn of the large pictures"), "wb")
        # The last process used is the next one, so that few pictures need few processes.
        self._idle: queue.LifoQueue[DecoderProcess | None] = queue.LifoQueue()
        for _ in range(size):
            self._idle.put(None)

    def patience(self) -> Patience:
        """That with the pictures of one more request."""
        return Patience(seconds=self._seconds, lost=LOST_SECONDS * self.size)

    def prepare(
        self, data: bytes, settings: ImageSettings, patience: Patience | None = None
    ) -> PreparedPicture:
        """The picture made ready, in one of the processes. Raises one of the `Picture…Error`s.

        `patience` is that with its request, where it has one with others.
        """
        patience, status = patience or self.patience(), 0
        for _ in range(TRIES):
            try:
                with self._borrowed() as process:
                    seconds = patience.seconds
                    return process.prepare(data, settings, seconds=seconds)
            except DecoderLostError as lost:
                log.warning("While a picture was decoded, %s", lost)
                status = lost.status
            if status == -signal.SIGALRM:
                patience.lose(seconds)
                raise PictureTooCostlyError(f"Decoding the picture takes more than {seconds:g} seconds.")
        if status == -signal.SIGKILL:  # by the system, which has no memory left
            raise PictureTooCostlyError("Decoding the picture takes more memory than there is.")
        raise PictureCorruptError("The picture is damaged: its decoder crashes.")

    @contextmanager
    def _borrowed(self) -> Iterator[DecoderProcess]:
        idle, kept = self._idle.get(), None
        try:
            process = idle or self._start()
            yield process
            kept = process
        except InferenceError:
            kept = process
            raise
        finally:
            self._idle.put(kept)

    def _start(self) -> DecoderProcess:
        # Each of the others may have a large picture before this one's turn comes.
        patience = self._seconds * (self.size + 1) + GRACE_SECONDS
        return DecoderProcess(turn=self._turn.fileno(), patience=patience, memory=self._memory)

    def close(self) -> None:
        """End the processes; waits for the pictures that are being decoded."""
        for _ in range(self.size):
            process = self._idle.get()
            if process is not None:
                process.end()
        self._turn.close()


@cache
def decoder_pool() -> DecoderPool:
    """The processes that all models of this process share."""
    return DecoderPool(min(available_cores(), MAX_PROCESSES))
