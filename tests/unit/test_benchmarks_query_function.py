"""How the query function is measured: the real one, in a process of its own, on recorded answers."""

from pathlib import Path

import pytest

from benchmarks import query_function

LAMBDA = Path(__file__).parents[2] / "lambda"


def test_the_function_is_measured_from_its_start_to_its_warm_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(query_function, "REQUESTS", 3)
    with query_function.recorded_services() as url:
        run = query_function.run_once(LAMBDA, url)
    assert 0 < run["import"] < run["first_answer"]
    figures = query_function.figures([run])
    for k in (10, 100):
        assert 0 < figures[f"rest_k{k}"].median < figures[f"overhead_k{k}"].median
