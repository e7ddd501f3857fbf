"""What a decoder process and its server say to each other: a JSON object and bytes, their lengths first.

No pickles: a decoder that was taken over must not be able to run anything in the server.
"""

import json
import struct
from typing import Any, BinaryIO

LENGTHS = struct.Struct("<II")
# A header holds a few settings or facts.
MAX_HEADER_BYTES = 64 * 1024

Header = dict[str, Any]


def write_message(stream: BinaryIO, header: Header, body: bytes | memoryview = b"") -> None:
    """Send one message."""
    encoded = json.dumps(header).encode()
    stream.write(LENGTHS.pack(len(encoded), len(body)) + encoded)
    stream.write(body)
    stream.flush()


def read_message(stream: BinaryIO, *, max_body_bytes: int) -> tuple[Header, bytes]:
    """The next message. Raises EOFError where the other side has gone, ValueError where it is not one."""
    header_length, body_length = LENGTHS.unpack(_read(stream, LENGTHS.size))
    if header_length > MAX_HEADER_BYTES or body_length > max_body_bytes:
        raise ValueError("a message longer than agreed")
    header = json.loads(_read(stream, header_length))
    if not isinstance(header, dict):
        raise ValueError("a header that is no object")
    return header, _read(stream, body_length)


def _read(stream: BinaryIO, length: int) -> bytes:
    data = stream.read(length)
    if len(data) < length:
        raise EOFError
    return data
