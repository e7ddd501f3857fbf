"""The commands that the documents tell people to type."""

import re
import shlex
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from typer.testing import CliRunner

from scripts.cli import app

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"

_FENCE = re.compile(r"^```\w*\n(.*?)^```", re.MULTILINE | re.DOTALL)
_INLINE = re.compile(r"`(imagesearch [^`]+)`")
_TYPED = re.compile(r"^(?:\$ )?(?:[A-Z_]+=\S+ )*(imagesearch .*)$", re.MULTILINE)


def documents() -> list[Path]:
    """Every document for people, but the record of decisions and of changes, which tell of what was."""
    pages = [README, ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
    return [page for page in pages if page.name != "decisions.md"]


@dataclass(frozen=True, kw_only=True)
class Documented:
    """One command line of a document, without what the shell takes for itself."""

    document: str
    words: tuple[str, ...]

    @property
    def line(self) -> str:
        """As it is typed."""
        return shlex.join(self.words)


def typed_in(text: str) -> Iterator[tuple[str, ...]]:
    """The words of every `imagesearch` line in fenced blocks, in order; comments are none."""
    for block in _FENCE.findall(text):
        for line in _TYPED.findall(block):
            yield tuple(shlex.split(line, comments=True))


def requests_in(text: str) -> Iterator[tuple[str, ...]]:
    """The words of every `curl` in fenced blocks; a quotation may go over lines."""
    for block in _FENCE.findall(text):
        words: list[str] = []
        for line in block.splitlines():
            words = [*words, line] if words else [line] * line.removeprefix("$ ").startswith("curl ")
            with suppress(ValueError):  # a quotation is open still
                if words:
                    yield tuple(shlex.split("\n".join(words).removeprefix("$ ")))
                    words = []


def python_in(text: str) -> list[str]:
    """The blocks of Python."""
    return re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def commands() -> list[Documented]:
    """Every command in fenced blocks and between backticks."""
    found = []
    for page in documents():
        text = page.read_text("utf-8")
        named = (tuple(shlex.split(line)) for line in _INLINE.findall(_FENCE.sub("", text)))
        found += [Documented(document=page.name, words=words) for words in (*typed_in(text), *named)]
    return list(dict.fromkeys(found))


def is_known(words: Sequence[str]) -> bool:
    """Whether the command line knows the command and its options: it then shows its help."""
    return CliRunner().invoke(app, [*words[1:], "--help"]).exit_code == 0
