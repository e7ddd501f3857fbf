"""The line between a decoder process and its server: whole messages, and what is none is refused."""

import os
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from io import FileIO
from typing import BinaryIO, cast

import pytest

from clip_inference.messages import KEPT_BYTES, LENGTHS, MAX_HEADER_BYTES, Line

MOST = 2 * KEPT_BYTES


class Ends:
    """Both ends of a line, with what it is made of."""

    def __init__(self, stack: ExitStack) -> None:
        self.shared = os.memfd_create("test")
        sockets = socket.socketpair()
        self.streams = [cast(BinaryIO, stack.enter_context(each.makefile("rwb"))) for each in sockets]
        for each in sockets:
            each.close()
        self.server, self.decoder = (
            Line(stream, FileIO(os.dup(self.shared), "r+")) for stream in self.streams
        )

    def say(self, header: bytes, announced: int | None = None, body: int = 0) -> None:
        """Send the decoder what no line would send."""
        length = len(header) if announced is None else announced
        self.streams[0].write(LENGTHS.pack(length, body) + header)
        self.streams[0].flush()


@pytest.fixture
def ends() -> Iterator[Ends]:
    with ExitStack() as stack:
        ends = Ends(stack)
        yield ends
        os.close(ends.shared)


@pytest.mark.parametrize("length", [0, 1, KEPT_BYTES, KEPT_BYTES + 1], ids=str)
def test_messages_arrive_whole_in_both_directions(ends: Ends, length: int) -> None:
    body = os.urandom(length)
    ends.server.send({"seconds": 1.5}, body)
    assert ends.decoder.receive(max_body_bytes=MOST) == ({"seconds": 1.5}, body)
    ends.decoder.send({"width": "ß"}, body[::-1])
    assert ends.server.receive(max_body_bytes=MOST) == ({"width": "ß"}, body[::-1])


def test_a_short_message_after_a_long_one_ends_where_it_ends(ends: Ends) -> None:
    for body in (b"a long message", b"short"):
        ends.server.send({}, body)
        assert ends.decoder.receive(max_body_bytes=MOST) == ({}, body)


def test_memory_of_long_messages_is_given_back(ends: Ends) -> None:
    ends.server.send({}, bytes(MOST))
    assert os.fstat(ends.shared).st_size == MOST
    ends.decoder.receive(max_body_bytes=MOST)
    assert os.fstat(ends.shared).st_size == KEPT_BYTES


def test_longer_messages_than_agreed_are_refused(ends: Ends) -> None:
    ends.server.send({}, bytes(11))
    with pytest.raises(ValueError, match="longer"):
        ends.decoder.receive(max_body_bytes=10)


def test_longer_headers_than_agreed_are_refused_unread(ends: Ends) -> None:
    ends.say(b"", announced=MAX_HEADER_BYTES + 1)
    with pytest.raises(ValueError, match="longer"):
        ends.decoder.receive(max_body_bytes=MOST)


@pytest.mark.parametrize("header", [b"[]", b"{", b"\xff"])
def test_headers_that_are_no_objects_are_refused(ends: Ends, header: bytes) -> None:
    ends.say(header)
    with pytest.raises(ValueError):  # noqa: PT011 decoding and parsing have their own messages
        ends.decoder.receive(max_body_bytes=MOST)


def test_bytes_that_were_announced_and_are_not_there_are_missed(ends: Ends) -> None:
    ends.say(b"{}", body=5)
    with pytest.raises(ValueError, match="shorter"):
        ends.decoder.receive(max_body_bytes=MOST)


def test_a_side_that_is_gone_is_noticed(ends: Ends) -> None:
    ends.server.close()
    with pytest.raises(EOFError):
        ends.decoder.receive(max_body_bytes=MOST)
