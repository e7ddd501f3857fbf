"""What every tier shares: a real OpenSearch, and the marker that says where a thing was verified."""

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from scripts.generated import replace_block
from scripts.local.opensearch import OpenSearch
from scripts.local.settings import LocalSettings
from tests.ports import free_ports
from tests.verified import BLOCK, COLUMNS, On, render


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--verified-where", type=Path, help="write the table made from the tests' markers into a document"
    )


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers", "verified(part, on): the part this test shows to work, and where it was asked"
    )
    config.addinivalue_line("markers", "fuzz: requests are made up from the OpenAPI document")
    config.addinivalue_line("markers", "faults: a part is killed, or the world changes, while it works")
    config.addinivalue_line("markers", "page: the search page in a real browser")


def pytest_collection_finish(session: pytest.Session) -> None:
    document: Path | None = session.config.getoption("--verified-where")
    if document is None:
        return
    marks: dict[str, set[On]] = defaultdict(set)
    for item in session.items:
        for mark in item.iter_markers("verified"):
            if mark.kwargs["on"] not in COLUMNS:
                raise pytest.UsageError(
                    f"{item.nodeid}: verified(on={mark.kwargs['on']!r}) is none of {COLUMNS}"
                )
            marks[mark.args[0]].add(mark.kwargs["on"])
    replace_block(document, BLOCK, render(marks))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Say which tests are run in one process, in the order in which they were collected."""
    from tests.distribution import ByEnvironment

    config.option.loadscopereorder = False
    return ByEnvironment(config, log)


@pytest.fixture(scope="session")
def opensearch_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real OpenSearch with k-NN: the one at OPENSEARCH_URL, else one started for the session."""
    directory = tmp_path_factory.mktemp("opensearch")
    search = OpenSearch(LocalSettings(directory=directory, opensearch_port=free_ports(1)[0]))
    try:
        search.start(fresh=True)
        yield search.url
    finally:
        search.forget()
