"""The lines of the model's JSON Lines answers, as its container writes them."""

import json
from collections.abc import Mapping
from typing import Any


def line_bytes(record: Mapping[str, Any]) -> bytes:
    """A record's line: compact, and a vector that is a list with eight decimals a number."""
    embedding = record.get("embedding")
    if not isinstance(embedding, list):
        return _compact(record) + b"\n"
    facts = {name: value for name, value in record.items() if name != "embedding"}
    numbers = ",".join(f"{number:.8f}" for number in embedding)
    return b'%b,"embedding":[%b]}\n' % (_compact(facts)[:-1], numbers.encode())


def _compact(record: Mapping[str, Any]) -> bytes:
    return json.dumps(record, ensure_ascii=False, separators=(",", ":")).encode()
