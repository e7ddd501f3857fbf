"""Cursors: a place in a ranking as a text that callers hand back unread."""

import base64
import binascii
import json
import math

from imagesearch.errors import CursorInvalidError
from imagesearch.queries import Position


def write_cursor(position: Position) -> str:
    """Return the position as a text of letters, digits, `-` and `_`."""
    fields = [position.index, position.query, position.score, position.id]
    content = json.dumps(fields, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def read_cursor(text: str) -> Position:
    """Return the position that a cursor names. Raises CursorInvalidError for any other text."""
    try:
        content = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        fields = json.loads(content)
    except (binascii.Error, ValueError, RecursionError) as error:
        raise _invalid() from error
    match fields:
        case [str(index), str(query), float(score), str(identifier)] if math.isfinite(score):
            return Position(index=index, query=query, score=score, id=identifier)
    raise _invalid()


def _invalid() -> CursorInvalidError:
    return CursorInvalidError("cursor: not one that this API gave; search again without it.")
