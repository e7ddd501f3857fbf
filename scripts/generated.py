"""Generated parts of documents that people write: each stands between two comments of its name."""

from pathlib import Path


def block(name: str, text: str) -> str:
    """Return the text between its comments, as it stands in a document."""
    return f"{_begin(name)}\n{text}\n{_end(name)}"


def replace_block(document: Path, name: str, text: str) -> None:
    """Write the text between the comments of this name; ValueError where the document lacks them."""
    before, rest = document.read_text("utf-8").split(_begin(name))
    _, after = rest.split(_end(name))
    document.write_text(f"{before}{block(name, text)}{after}", "utf-8")


def _begin(name: str) -> str:
    return f"<!-- {name}: begin -->"


def _end(name: str) -> str:
    return f"<!-- {name}: end -->"
