"""What shards are made of: pictures and texts, and the records that ask the model for their vectors."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from imagesearch.models import ObjectState

SHARD_RECORDS = 256
"""How many records a shard has at most: the model takes no more in one request."""


@dataclass(frozen=True, kw_only=True)
class PictureEntry:
    """A picture as the plan saw it: whether to embed it, and the caption to embed beside it, if any."""

    state: ObjectState
    embed: bool = True
    caption: str | None = None


@dataclass(frozen=True, kw_only=True)
class TextEntry:
    """A text that names no picture."""

    id: str
    text: str


Entry = PictureEntry | TextEntry


@dataclass(frozen=True, kw_only=True)
class ShardRequest:
    """Entries, and the lines of the request that the model answers for them."""

    entries: list[Entry]
    lines: list[bytes]


def shard_requests(entries: Iterable[Entry], *, bucket: str, max_bytes: int) -> Iterator[ShardRequest]:
    """Yield the entries in requests of at most SHARD_RECORDS records and `max_bytes`, in their order.

    An entry's records stay together, and one that is larger by itself goes alone.
    """
    shard, size = ShardRequest(entries=[], lines=[]), 0
    for entry in entries:
        lines = [json.dumps(record).encode() + b"\n" for record in _records(entry, bucket)]
        added = sum(map(len, lines))
        full = len(shard.lines) + len(lines) > SHARD_RECORDS or size + added > max_bytes
        if shard.entries and full:
            yield shard
            shard, size = ShardRequest(entries=[], lines=[]), 0
        shard.entries.append(entry)
        shard.lines.extend(lines)
        size += added
    if shard.entries:
        yield shard


def _records(entry: Entry, bucket: str) -> Iterator[dict[str, str]]:
    """Yield the picture's record before its caption's."""
    if isinstance(entry, TextEntry):
        yield {"id": entry.id, "text": entry.text}
        return
    key = entry.state.key
    if entry.embed:
        yield {"id": key, "s3_uri": f"s3://{bucket}/{key}"}
    if entry.caption is not None:
        yield {"id": key, "text": entry.caption}


def line_of(entry: Entry) -> dict[str, Any]:
    """Return an entry as the shard's states file keeps it."""
    if isinstance(entry, TextEntry):
        return asdict(entry)
    state = {**asdict(entry.state), "last_modified": entry.state.last_modified.isoformat()}
    return {"state": state, "embed": entry.embed, "caption": entry.caption}


def entry_of(line: dict[str, Any]) -> Entry:
    """Return the entry that a states file keeps. Raises ValueError, KeyError or TypeError."""
    if "state" not in line:
        return TextEntry(**line)
    modified = datetime.fromisoformat(line["state"]["last_modified"])
    return PictureEntry(**{**line, "state": ObjectState(**{**line["state"], "last_modified": modified})})
