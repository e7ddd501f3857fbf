"""The synthesized app, once a session: starting the CDK takes seconds."""

import pytest

from tests.infrastructure.assembly import Synthesized, synthesize


@pytest.fixture(scope="session")
def synthesized(tmp_path_factory: pytest.TempPathFactory) -> Synthesized:
    return synthesize(tmp_path_factory.mktemp("synth"))
