"""What every tier shares: the marker that says where a thing was verified, and the photographs' folder."""

from collections import defaultdict
from pathlib import Path

import pytest

from tests.verified import COLUMNS, On, render


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--verified-where", type=Path, help="write the table made from the tests' markers to a file"
    )


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers", "verified(part, on): the part this test shows to work, and where it was asked"
    )


def pytest_collection_finish(session: pytest.Session) -> None:
    destination: Path | None = session.config.getoption("--verified-where")
    if destination is None:
        return
    marks: dict[str, set[On]] = defaultdict(set)
    for item in session.items:
        for mark in item.iter_markers("verified"):
            if mark.kwargs["on"] not in COLUMNS:
                raise pytest.UsageError(
                    f"{item.nodeid}: verified(on={mark.kwargs['on']!r}) is none of {COLUMNS}"
                )
            marks[mark.args[0]].add(mark.kwargs["on"])
    destination.write_text(render(marks) + "\n")
