"""How indices keep their vectors: which engine can, and who is told."""

from dataclasses import replace
from typing import Any, get_args

import pytest

from scripts.costs.library import BYTES_PER_DIMENSION
from stacks.components.functions.function_environment import index_environment
from stacks.settings import DEV, LOCAL, SettingsError
from stacks.settings.search import IndexSettings, Quantisation


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"engine": "lucene", "quantisation": "fp16"}, "'fp16' needs index.engine 'faiss'"),
        ({"engine": "lucene", "quantisation": "on_disk"}, "'on_disk' needs index.engine 'faiss'"),
        ({"engine": "faiss", "quantisation": "byte"}, "'byte' needs index.engine 'lucene'"),
        ({"engine": "faiss", "quantisation": "int4"}, "one of none, fp16, byte, on_disk"),
    ],
)
def test_what_an_engine_cannot_keep_is_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        IndexSettings(**settings)


@pytest.mark.parametrize(
    ("engine", "kinds"), [("faiss", ("none", "fp16", "on_disk")), ("lucene", ("none", "byte"))]
)
def test_every_engine_keeps_whole_vectors_and_smaller_ones(engine: Any, kinds: tuple[Any, ...]) -> None:
    for kind in kinds:
        settings = replace(DEV, index=IndexSettings(engine=engine, quantisation=kind))
        assert index_environment(settings)["QUANTISATION"] == kind


def test_the_environment_on_this_machine_can_keep_bytes() -> None:
    assert replace(LOCAL, index=IndexSettings(engine="lucene", quantisation="byte")).index.engine == "lucene"


def test_the_plan_of_a_library_knows_what_each_takes() -> None:
    assert tuple(BYTES_PER_DIMENSION) == get_args(Quantisation)
