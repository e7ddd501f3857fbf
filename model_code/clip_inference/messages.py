"""What a decoder process and its server say to each other in turns: a JSON object, and bytes with it.

The objects go through a socket. The bytes lie in a file in memory that both sides have open: a socket wakes
its reader for every piece of them, which cost a third as much as decoding the picture.

No pickles: a decoder that was taken over must not be able to run anything in the server.
"""

import json
import os
import struct
from contextlib import suppress
from io import FileIO
from typing import Any, BinaryIO

LENGTHS = struct.Struct("<II")
# A header holds a few settings or facts.
MAX_HEADER_BYTES = 64 * 1024
# Of the file's memory; what longer messages took is given back. Photographs of phones have less.
KEPT_BYTES = 4 * 1024 * 1024

Header = dict[str, Any]


class Line:
    """One side's end of the line: the `stream` of its socket, and the `shared` file."""

    def __init__(self, stream: BinaryIO, shared: FileIO) -> None:
        self._stream = stream
        self._shared = shared

    def send(self, header: Header, body: bytes = b"") -> None:
        """Send one message. Raises OSError where the other side has gone, or where memory has run out."""
        if os.pwrite(self._shared.fileno(), body, 0) < len(body):
            raise OSError("there is no memory for a message")
        encoded = json.dumps(header).encode()
        self._stream.write(LENGTHS.pack(len(encoded), len(body)) + encoded)
        self._stream.flush()

    def receive(self, *, max_body_bytes: int) -> tuple[Header, bytes]:
        """The next message. Raises EOFError where the other side has gone, ValueError where it is not one."""
        header_length, body_length = LENGTHS.unpack(self._read(LENGTHS.size))
        if header_length > MAX_HEADER_BYTES or body_length > max_body_bytes:
            raise ValueError("a message longer than agreed")
        header = json.loads(self._read(header_length))
        if not isinstance(header, dict):
            raise ValueError("a header that is no object")
        body = os.pread(self._shared.fileno(), body_length, 0)
        if len(body) < body_length:
            raise ValueError("a message shorter than announced")
        if body_length > KEPT_BYTES:
            self._shared.truncate(KEPT_BYTES)
        return header, body

    def close(self) -> None:
        """Hang up."""
        with suppress(OSError):  # what was not sent
            self._stream.close()
        self._shared.close()

    def _read(self, length: int) -> bytes:
        data = self._stream.read(length)
        if len(data) < length:
            raise EOFError
        return data
