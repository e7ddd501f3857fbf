"""Decoder processes: a picture that crashes or holds up its decoder is told so, and the next is answered."""

import math
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import psutil
import pytest
from PIL import Image

from clip_inference.config import ImageSettings
from clip_inference.decoder_process import LARGE_PIXELS, NICENESS
from clip_inference.decoders import HURRIED_SECONDS, LOST_SECONDS, MAX_PROCESSES, DecoderPool, Patience
from clip_inference.decoders import SECONDS as MOST_SECONDS
from clip_inference.errors import InferenceError, PictureCorruptError, PictureTooCostlyError
from clip_inference.payloads import MAX_ITEMS
from clip_inference.prepare import PreparedPicture, prepare
from stacks.settings.bulk import BulkSettings
from tests import pictures
from tests.waiting import wait_for

SETTINGS = ImageSettings(
    size=32, mean=(0.5,) * 3, std=(0.5,) * 3, resize="shortest", interpolation="bicubic", input="pixels"
)
SECONDS = 3.0

# A decoder of HEIC that does to its process what the last word of the picture says.
HOSTILE = """
import ctypes, os
from PIL import Image, ImageFile

DEEDS = {
    b"crash": lambda: ctypes.string_at(0),
    b"abort": os.abort,
    b"leave": lambda: os._exit(0),
    b"sleep": lambda: ctypes.PyDLL(None).sleep(1000),
    b"think": lambda: sum(iter(int, 1)),
    b"grasp": lambda: bytearray(10**11),
    b"raise": lambda: [][0],
}

class Hostile(ImageFile.ImageFile):
    format = "HEIF"
    format_description = "hostile"

    def _open(self):
        self._mode, self._size = "RGB", (64, 64)
        self.deed = self.fp.read()[-5:]

    def load(self):
        DEEDS[self.deed]()

def register_heif_opener():
    Image.register_open("HEIF", Hostile, lambda prefix: prefix[4:8] == b"ftyp")
"""


@pytest.fixture
def pool() -> Iterator[DecoderPool]:
    pool = DecoderPool(1)
    yield pool
    pool.close()


@pytest.fixture
def hostile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[DecoderPool]:
    """Processes that find the hostile decoder in place of the real one."""
    (tmp_path / "pillow_heif.py").write_text(HOSTILE)
    monkeypatch.syspath_prepend(tmp_path)
    pool = DecoderPool(1, seconds=SECONDS)
    yield pool
    pool.close()


def picture_that_makes_its_decoder(deed: str) -> bytes:
    return b"\0\0\0\x14ftypheic\0\0\0\0heic" + deed.encode()


def decoders() -> list[psutil.Process]:
    """The decoder processes that this process has started and that still run."""
    return [
        child for child in psutil.Process().children() if "clip_inference.decoder_process" in child.cmdline()
    ]


def is_dead(process: psutil.Process) -> bool:
    return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE


def started_by(pool: DecoderPool) -> psutil.Process:
    """The process of a pool that has had none."""
    before = decoders()
    pool.prepare(pictures.png(), SETTINGS)
    (process,) = set(decoders()) - set(before)
    return process


def flat(pixels: int) -> bytes:
    """A PNG of so many pixels of one colour."""
    return pictures.encoded(Image.new("RGB", (pixels // 4000, 4000), "red"), "PNG", compress_level=1)


def same(one: PreparedPicture, other: PreparedPicture) -> bool:
    return np.array_equal(one.levels, other.levels) and one.perceptual_hash == other.perceptual_hash


@pytest.mark.parametrize("make", [pictures.jpeg, pictures.png, pictures.heic, pictures.avif, pictures.webp])
def test_process_prepares_a_picture_as_this_process_would(
    pool: DecoderPool, make: Callable[..., bytes]
) -> None:
    data = make((300, 200))
    prepared = pool.prepare(data, SETTINGS)
    assert same(prepared, prepare(data, SETTINGS, admission=lambda _: nullcontext()))
    assert (prepared.width, prepared.height) == (300, 200)


@pytest.mark.parametrize(
    ("deed", "error"),
    [
        ("crash", PictureCorruptError),
        ("abort", PictureCorruptError),
        ("leave", PictureCorruptError),
        ("raise", PictureCorruptError),
        ("sleep", PictureTooCostlyError),
        ("think", PictureTooCostlyError),
        ("grasp", PictureTooCostlyError),
    ],
)
def test_hostile_picture_costs_itself_only(
    hostile: DecoderPool, deed: str, error: type[InferenceError]
) -> None:
    with pytest.raises(error):
        hostile.prepare(picture_that_makes_its_decoder(deed), SETTINGS)
    assert hostile.prepare(pictures.png(), SETTINGS).width == 96


def test_hopeless_pictures_leave_little_time_to_those_of_their_request(hostile: DecoderPool) -> None:
    patience = Patience(seconds=SECONDS, lost=SECONDS)
    for seconds in (SECONDS, HURRIED_SECONDS, HURRIED_SECONDS):
        with pytest.raises(PictureTooCostlyError, match=f"more than {seconds:g} seconds"):
            hostile.prepare(picture_that_makes_its_decoder("sleep"), SETTINGS, patience)
    assert hostile.prepare(pictures.png(), SETTINGS, patience).width == 96
    assert hostile.patience().seconds == SECONDS


@pytest.mark.parametrize("processes", range(2, MAX_PROCESSES + 1))
def test_shards_of_hopeless_pictures_are_answered_while_their_job_waits(processes: int) -> None:
    # All processes are as far, so that each loses what one may, and one picture more.
    hurried = math.ceil(MAX_ITEMS / processes) * HURRIED_SECONDS
    shard = LOST_SECONDS + MOST_SECONDS + hurried
    assert BulkSettings.max_concurrent_transforms * shard < BulkSettings.invocation_timeout_seconds


def test_picture_that_takes_more_memory_than_one_is_given_is_refused() -> None:
    pool = DecoderPool(1, memory=60_000_000)
    process = started_by(pool)
    with pytest.raises(PictureTooCostlyError):
        pool.prepare(flat(20_000_000), SETTINGS)
    assert pool.prepare(pictures.png(), SETTINGS).width == 96
    assert process in decoders()
    pool.close()


@pytest.mark.parametrize("compression", [1, 5, 8], ids=["none", "LZW", "deflate"])
@pytest.mark.parametrize("tile", [2**15, 2**20, 2**30])
def test_tile_far_larger_than_its_picture_is_corrupt(pool: DecoderPool, tile: int, compression: int) -> None:
    assert pool.prepare(pictures.tiled(64), SETTINGS).width == 64
    with pytest.raises(PictureCorruptError):
        pool.prepare(pictures.tiled(tile, compression=compression), SETTINGS)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV])
def test_process_that_dies_of_something_else_costs_no_picture(pool: DecoderPool, number: int) -> None:
    process = started_by(pool)
    process.send_signal(number)
    wait_for(lambda: is_dead(process) or None, "the process to die")
    assert pool.prepare(pictures.png(), SETTINGS).width == 96


def test_large_pictures_are_decoded_one_after_the_other() -> None:
    pool, large = DecoderPool(2), flat(LARGE_PIXELS)
    with ThreadPoolExecutor(3) as threads:
        answers = list(threads.map(lambda data: pool.prepare(data, SETTINGS), [large, large, pictures.png()]))
    assert [answer.width for answer in answers] == [6000, 6000, 96]
    pool.close()


def test_few_pictures_start_few_processes() -> None:
    pool = DecoderPool(4)
    process = started_by(pool)
    before = decoders()
    for seed in range(5):
        pool.prepare(pictures.png(seed=seed), SETTINGS)
    assert decoders() == before
    assert process in before
    pool.close()
    assert process not in decoders()


def test_as_many_pictures_are_decoded_at_once_as_there_are_processes() -> None:
    pool = DecoderPool(2)
    before = set(decoders())
    together = threading.Barrier(4)

    def prepared(seed: int) -> int:
        together.wait()
        return pool.prepare(pictures.png((2000, 1500), seed=seed), SETTINGS).width

    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(prepared, range(4))) == [2000] * 4
    assert len(set(decoders()) - before) == 2
    pool.close()


def test_decoder_sees_no_credentials(monkeypatch: pytest.MonkeyPatch, pool: DecoderPool) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    assert "AWS_SECRET_ACCESS_KEY" not in started_by(pool).environ()


def test_decoders_yield_to_their_server(pool: DecoderPool) -> None:
    assert started_by(pool).nice() == psutil.Process().nice() + NICENESS


def test_processes_end_when_their_server_is_killed() -> None:
    script = (
        "import psutil, time; from tests import pictures; from tests.unit import test_model_decoders as t\n"
        "pool = t.DecoderPool(1); print(t.started_by(pool).pid, flush=True); time.sleep(600)"
    )
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    with subprocess.Popen([sys.executable, "-c", script], env=environment, stdout=subprocess.PIPE) as server:
        assert server.stdout is not None
        decoder = psutil.Process(int(server.stdout.readline()))
        server.kill()
    wait_for(lambda: is_dead(decoder) or None, "the decoder to end after its server")
