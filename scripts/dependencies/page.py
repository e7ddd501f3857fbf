"""Writes docs/dependencies.md: `python -m scripts.dependencies.page`."""

import sys
from itertools import groupby

from scripts.dependencies.licences import ALLOWED, REMARKS, licence_of
from scripts.dependencies.locked import Locked, shipped

INTRODUCTION = """\
# Dependencies

Every package that leaves this repository with the application, at its locked versions, with the licence
that the metadata of the installed one names. Written by `make docs`; a licence that is not allowed fails the
tests.

| Package | Version | Licence | Part of |
| --- | --- | --- | --- |
"""
ALLOWED_HEAD = "\nAllowed are: "
REMARKS_HEAD = "\n## Remarks\n\n"


def render_markdown() -> str:
    """The whole page."""
    parts = shipped()
    rows = [
        _row(name, {package: parts[package] for package in packages})
        for name, packages in groupby(sorted(parts), key=lambda package: package.name)
    ]
    remarks = [f"- `{name}`: {remark}\n" for name, remark in REMARKS.items()]
    allowed = ", ".join(sorted(ALLOWED))
    return "".join([INTRODUCTION, *rows, ALLOWED_HEAD, allowed, ".\n", REMARKS_HEAD, *remarks])


def _row(name: str, parts: dict[Locked, list[str]]) -> str:
    versions = ", ".join(package.version for package in parts)
    places = ", ".join(dict.fromkeys(place for each in parts.values() for place in each))
    return f"| `{name}` | {versions} | {licence_of(name)} | {places} |\n"


if __name__ == "__main__":
    sys.stdout.write(render_markdown())
