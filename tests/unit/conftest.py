"""What several unit tests ask: the query API on a small gallery, and a SageMaker runtime on loopback."""

import io
import logging
from collections.abc import Iterator

import pytest

from imagesearch.entrypoints import wiring
from tests.builders import InMemoryHouse
from tests.embedders import SOUND, json_answer, sagemaker_variables
from tests.query_api import Api, gallery, parts_of
from tests.sagemaker_runtime import Runtime, sagemaker_runtime


@pytest.fixture
def house() -> InMemoryHouse:
    return gallery()


@pytest.fixture
def api(house: InMemoryHouse) -> Api:
    return Api(lambda: parts_of(house))


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """What the functions log during the test."""
    handler = wiring.logger().registered_handler
    assert isinstance(handler, logging.StreamHandler)
    stream = io.StringIO()
    before = handler.setStream(stream)
    yield stream
    handler.setStream(before)


@pytest.fixture
def runtime(monkeypatch: pytest.MonkeyPatch) -> Iterator[Runtime]:
    """A runtime that the adapter's client asks; it answers one sound embedding until told otherwise."""
    with sagemaker_runtime(lambda _: json_answer(SOUND)) as runtime:
        sagemaker_variables(monkeypatch, runtime.url)
        yield runtime
