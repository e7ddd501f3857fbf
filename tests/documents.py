"""Checking the pages that the command line writes."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from html.parser import HTMLParser

_VOID = {"img", "link", "meta"}


@dataclass(frozen=True, kw_only=True)
class Document:
    """What a page holds: its title, its visible text, and the addresses of pictures and links."""

    title: str
    text: str
    images: tuple[str, ...]
    links: tuple[str, ...]


def checked(page: str) -> Document:
    """Read a page, each of whose tags must be closed, and which must load nothing but pictures."""
    assert page.startswith("<!DOCTYPE html>\n")
    reader = _Reader()
    reader.feed(page)
    reader.close()
    assert reader.open == [], f"never closed: {reader.open}"
    return Document(
        title="".join(reader.title),
        text="".join(reader.text),
        images=tuple(reader.images),
        links=tuple(reader.links),
    )


@dataclass
class _Reader(HTMLParser):
    open: list[str] = field(default_factory=list)
    title: list[str] = field(default_factory=list)
    text: list[str] = field(default_factory=list)
    images: list[str] = field(default_factory=list)
    links: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: Sequence[tuple[str, str | None]]) -> None:
        named = dict(attrs)
        assert len(named) == len(attrs), f"an attribute of {tag} stands twice"
        assert tag not in {"script", "link", "iframe"}, f"{tag} would load or run something"
        if tag == "img":
            assert named.get("alt"), "a picture without words for it"
            self.images.append(named["src"] or "")
        if tag == "a":
            self.links.append(named["href"] or "")
        if tag not in _VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open[-1:] == ["title"]:
            self.title.append(data)
        elif self.open[-1:] != ["style"]:
            self.text.append(data)
