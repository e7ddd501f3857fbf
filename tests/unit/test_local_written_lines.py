"""The lines of a process: all there when they are asked for, and each once."""

import os
import queue
import threading
from collections.abc import Iterator
from typing import IO, Any

import pytest

from scripts.local.emulator.written_lines import WrittenLines

Lines = queue.Queue[str]


@pytest.fixture
def ends() -> Iterator[tuple[IO[Any], IO[Any]]]:
    """The reader's and the writer's end of a pipe."""
    read, write = os.pipe()
    with os.fdopen(read, "r") as reader, os.fdopen(write, "wb", buffering=0) as writer:
        yield reader, writer


def taken(lines: Lines) -> list[str]:
    return [lines.get_nowait() for _ in range(lines.qsize())]


def test_what_is_written_is_there_when_it_is_asked_for(ends: tuple[IO[Any], IO[Any]]) -> None:
    reader, writer = ends
    lines: Lines = queue.Queue()
    written = WrittenLines(reader, lines)
    following = threading.Thread(target=written.follow)
    following.start()
    try:
        for number in range(2000):
            writer.write(f"{number}\n".encode())
            assert written.take()
            assert taken(lines) == [str(number)]
    finally:
        writer.close()
        following.join()


def test_a_line_is_put_when_it_is_whole(ends: tuple[IO[Any], IO[Any]]) -> None:
    reader, writer = ends
    lines: Lines = queue.Queue()
    written = WrittenLines(reader, lines)
    writer.write("one\ntwö".encode()[:-1])
    assert written.take()
    assert taken(lines) == ["one"]
    writer.write("ö\n".encode()[1:] + b"\xff\nthe last")
    assert written.take()
    assert taken(lines) == ["twö", "�"]
    writer.close()
    assert not written.take()
    assert taken(lines) == ["the last"]


def test_more_than_a_pipe_holds_is_followed_to_its_end(ends: tuple[IO[Any], IO[Any]]) -> None:
    reader, writer = ends
    lines: Lines = queue.Queue()
    following = threading.Thread(target=WrittenLines(reader, lines).follow)
    following.start()
    written = [f"{number} {'x' * 100}" for number in range(5000)]
    for line in written:
        writer.write(f"{line}\n".encode())
    writer.close()
    following.join()
    assert taken(lines) == written


def test_a_pipe_that_is_closed_on_this_side_ends_the_following(ends: tuple[IO[Any], IO[Any]]) -> None:
    reader, _ = ends
    reader.close()
    WrittenLines(reader, queue.Queue()).follow()
