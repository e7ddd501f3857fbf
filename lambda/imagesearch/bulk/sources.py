"""What a run looks at: the keys of a prefix, in the bucket and in the index, or the lines of a file."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from heapq import merge
from itertools import groupby, islice
from operator import itemgetter

from imagesearch.bulk.batches import batched, in_parallel
from imagesearch.bulk.entries import TextEntry
from imagesearch.bulk.runs import Reject
from imagesearch.errors import EventInvalidError, SourceNotFoundError
from imagesearch.metadata import is_sidecar
from imagesearch.models import ObjectState
from imagesearch.ports import ArtifactStore, PictureStore, VectorIndex

PAGE_KEYS = 10_000
"""How many keys, or lines of a file, one call looks at."""
BATCH_KEYS = 1000
"""How many are held in memory, and of how many documents the index is asked in one request."""
LINE_INVALID = "line_invalid"

_MAX_LINE_BYTES = 256 * 1024
"""A text that is too long for the model must reach it, which says so; a line beyond this is no text."""
_MAX_KEY_BYTES = 1024


@dataclass(frozen=True, kw_only=True)
class Batch:
    """Some of a source, by key: objects as they are now, and keys that have none; texts, and rejects.

    `token` is where the source goes on behind it.
    """

    present: list[ObjectState]
    absent: list[str]
    token: str
    size: int
    texts: list[TextEntry] = field(default_factory=list)
    rejects: list[Reject] = field(default_factory=list)

    @property
    def listed(self) -> int:
        """How much of it the source itself names; a document without an object is found beside it."""
        return len(self.present) + len(self.texts) + len(self.rejects)


def of_prefix(
    pictures: PictureStore, index: VectorIndex, name: str, *, prefix: str, token: str | None
) -> Iterator[Batch]:
    """Yield PAGE_KEYS keys that begin with `prefix` and come after `token`; fewer are the last ones.

    Bucket and index are read side by side: a key that only the index `name` knows is absent.
    """
    states = pictures.listing(prefix=prefix, after=token or "")
    keys = index.keys(name, prefix=prefix, after=token or "")
    for some in batched(islice(_joined(states, keys), PAGE_KEYS), BATCH_KEYS):
        present = [state for _, state in some if state is not None]
        absent = [key for key, state in some if state is None]
        yield Batch(present=present, absent=absent, token=some[-1][0], size=len(some))


def _joined(states: Iterable[ObjectState], keys: Iterable[str]) -> Iterator[tuple[str, ObjectState | None]]:
    """Yield the keys of both, in their order, each with its object where there is one."""
    here: Iterator[tuple[str, ObjectState | None]] = ((state.key, state) for state in states)
    there: Iterator[tuple[str, ObjectState | None]] = ((key, None) for key in keys)
    for key, pairs in groupby(merge(here, there, key=itemgetter(0)), key=itemgetter(0)):
        yield key, next((state for _, state in pairs if state is not None), None)


def of_file(
    artifacts: ArtifactStore, pictures: PictureStore, file: str, *, page: int, token: str | None
) -> Iterator[Batch]:
    """Yield what PAGE_KEYS lines of `file` name, from the byte `token` on; fewer are the last ones.

    A line is {"key": …} or {"id": …, "text": …}, and blank ones are passed over. A line that names again what
    another line of its page names is rejected as one that cannot be read is; pages do not know of each other,
    and what two of them name is done twice. Raises ArtifactMissingError, and EventInvalidError for a token
    that no page has answered.
    """
    position = _position(token)
    reader = _LineReader(before=page * PAGE_KEYS)
    for lines in batched(islice(artifacts.lines(file, start=position), PAGE_KEYS), BATCH_KEYS):
        position += sum(len(line) + 1 for line in lines)
        read = [item for item in map(reader.read, lines) if item is not None]
        keys = sorted(item for item in read if isinstance(item, str))
        states = dict(zip(keys, in_parallel(pictures.look, keys), strict=True))
        absent = [key for key, state in states.items() if state is None]
        yield Batch(
            present=[state for state in states.values() if state is not None],
            absent=absent,
            token=str(position),
            size=len(lines),
            texts=[item for item in read if isinstance(item, TextEntry)],
            rejects=[item for item in read if isinstance(item, Reject)] + list(map(_unknown, absent)),
        )


def _position(token: str | None) -> int:
    if token is None:
        return 0
    if not token.isdecimal():
        raise EventInvalidError(f"The token of a run over a file is a number of bytes, not {token!r}.")
    return int(token)


def _unknown(key: str) -> Reject:
    return Reject(key=key, code=SourceNotFoundError.code, message="There is no object under this key.")


class _LineReader:
    """Reads a page's lines one after the other; `before` is how many lines the pages before it had."""

    def __init__(self, *, before: int) -> None:
        self._number = before
        self._seen: dict[tuple[str, str], int] = {}

    def read(self, line: bytes) -> str | TextEntry | Reject | None:
        """Return the key, the text or the reject that a line is; None for a blank one."""
        self._number += 1
        if not line.strip():
            return None
        try:
            return self._new(_parsed(line))
        except ValueError as fault:
            return Reject(key=f"line {self._number}", code=LINE_INVALID, message=str(fault))

    def _new(self, item: str | TextEntry) -> str | TextEntry:
        name = ("key", item) if isinstance(item, str) else ("id", item.id)
        first = self._seen.setdefault(name, self._number)
        if first != self._number:
            raise ValueError(f"The line names the {name[0]} {name[1]} again, which line {first} names.")
        return item


def _parsed(line: bytes) -> str | TextEntry:
    """Return what a line names. Raises ValueError with a sentence."""
    if len(line) > _MAX_LINE_BYTES:
        raise ValueError(f"The line has {len(line)} bytes; at most {_MAX_LINE_BYTES} are read.")
    try:
        document = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise ValueError("The line is not valid JSON in UTF-8.") from error
    match document:
        case {"key": str(key), **others} if not others:
            return _checked_key(key)
        case {"id": str(name), "text": str(text), **others} if not others:
            return TextEntry(id=_writable(name), text=_writable(text))
    raise ValueError('The line must be {"key": …} or {"id": …, "text": …}, each a text, and nothing else.')


def _checked_key(key: str) -> str:
    if not 0 < len(_writable(key).encode()) <= _MAX_KEY_BYTES:
        raise ValueError(f"A key has from 1 to {_MAX_KEY_BYTES} bytes.")
    if is_sidecar(key):
        raise ValueError(f"The key {key} is that of a description: name its picture instead.")
    return key


def _writable(text: str) -> str:
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise ValueError("The line holds half of a surrogate pair, which is no character.")
    return text
