"""How handlers are measured: the processes they run in, what they are asked, and what is made of it."""

import io
import json
import sys
from pathlib import Path

import pytest
from PIL import Image
from tokenizers import Tokenizer

from benchmarks import cold_start, load, peak, serving
from benchmarks.contestants import FAST, Contestant, ratios_by_form
from benchmarks.load import Burst
from benchmarks.loops import handler_loop
from benchmarks.requests import SIZE, TEXT, TEXT_TOKENS, Requests, photograph
from benchmarks.results import Figure
from tests.architectures.layouts import CLIP_TOKENIZER

HANDLER = """
def model_fn(folder): return 3.0
def input_fn(body, content_type): return type(body).__name__
def predict_fn(given, model): return [model, 4.0 if given == "str" else 0.0]
def output_fn(prediction, accept): return str(prediction)
"""
FAILING = """
def model_fn(folder): return None
def input_fn(body, content_type): return body
def predict_fn(given, model): return given
def output_fn(prediction, accept, context): context.set_response_status(code=500, phrase="broken")
"""


class EveryFigure(dict[str, Figure]):
    """Figures of any name."""

    def __missing__(self, name: str) -> Figure:
        return Figure(name=name, unit="ms", values=(1.0,))


def a_contestant(folder: Path, handler: str) -> Contestant:
    (folder / "code").mkdir()
    (folder / "code" / "inference.py").write_text(handler, "utf-8")
    return Contestant(name="ours", python=Path(sys.executable), folder=folder, archive=folder / "none")


def test_a_handler_is_asked_as_the_toolkit_asks_it_in_a_process_of_its_own(tmp_path: Path) -> None:
    requests = Requests(tmp_path)
    text, lines = requests.text(), requests.small_lines(3)
    with handler_loop(a_contestant(tmp_path, HANDLER)) as handler:
        assert handler.vector(text) == pytest.approx([0.6, 0.8])  # JSON comes as a str
        assert handler.vector(lines) == pytest.approx([1.0, 0.0])  # and JSON Lines as bytes
        seconds = handler.seconds(lines, lines)
        assert len(seconds) == 2
        assert all(each > 0 for each in seconds)
        assert handler.rate(lines) > 0
        assert handler.memory_mb > 1


def test_a_handler_that_answers_with_an_error_is_not_measured(tmp_path: Path) -> None:
    with (
        handler_loop(a_contestant(tmp_path, FAILING)) as handler,
        pytest.raises(RuntimeError, match="the measured process has ended"),
    ):
        handler.seconds(Requests(tmp_path).text())


def test_the_text_has_as_many_tokens_as_is_said() -> None:
    assert len(Tokenizer.from_file(str(CLIP_TOKENIZER)).encode(TEXT).ids) == TEXT_TOKENS


def test_a_photograph_has_two_megapixels_and_is_the_same_each_time() -> None:
    data = photograph(1)
    assert data == photograph(1) != photograph(2)
    with Image.open(io.BytesIO(data)) as image:
        assert (image.format, image.size) == ("JPEG", SIZE)


def test_a_request_holds_as_many_pictures_as_it_says(tmp_path: Path) -> None:
    request = Requests(tmp_path).small_lines(5)
    lines = [json.loads(line) for line in request.path.read_text("utf-8").splitlines()]
    assert request.pictures == len(lines) == len({line["image"] for line in lines}) == 5
    assert [line["id"] for line in lines] == list("01234")


def test_the_operations_of_vit_b_32_are_those_that_its_shape_gives() -> None:
    # 11 layers of 50 tokens: 12 × 768² each, and 2 × 50 × 768 of attention; one layer of which two tokens are
    # read; 49 patches; a projection.
    layer = 50 * 12 * 768**2 + 2 * 50 * 50 * 768
    last = (50 * 2 + 2 * 10) * 768**2 + 2 * 2 * 50 * 768
    assert peak.picture_operations() == 2 * (11 * layer + last + 49 * 3072 * 768 + 768 * 512)


def test_percentiles_are_of_the_answered_requests() -> None:
    burst = Burst(seconds=2.0, answered=[each / 1000 for each in range(100, 0, -1)], failed=7)
    assert [burst.percentile_ms(percent) for percent in (50, 95, 99)] == pytest.approx([50, 95, 99])
    assert burst.rate == 50


def test_a_load_of_which_no_request_failed_has_a_fraction_of_zero_failed() -> None:
    values: load.Values = {}
    scenario = load.Scenario(contestant="fp32", kind="texts", clients=1)
    load._note(values, scenario, Burst(seconds=1.0, answered=[0.01] * 4, failed=0))
    assert (values["fp32_texts_1_failed"], values["fp32_texts_1_sent"]) == ([0], [4])
    assert values["fp32_texts_1_queued"] == pytest.approx([160])


def test_the_ratios_to_the_baseline_are_named_by_what_they_compare_and_the_form() -> None:
    ratios = {
        ratio.name: ratio
        for part in (serving, load, cold_start)
        for ratio in ratios_by_form(part._ratios_of, EveryFigure())
    }
    compared = ratios["bulk_pictures_ratio"], ratios["bulk_pictures_fp32_ratio"]
    assert [(ratio.numerator.name, ratio.denominator.name) for ratio in compared] == [
        (f"{FAST.name}_bulk", "baseline_pictures"),
        ("fp32_bulk", "baseline_pictures"),
    ]
    assert [str(ratio.aim) for ratio in compared] == ["≥ 6", "≥ 2.2"]
    aims = {name: str(ratios[name].aim) for name in ("text_query_ratio", "cold_start_ratio", "memory_ratio")}
    assert aims == {"text_query_ratio": "≥ 5", "cold_start_ratio": "≥ 3", "memory_ratio": "≤ 0.5"}


def test_cuda_is_taken_off_once_for_each_process_that_imports_torch() -> None:
    measured = {
        "baseline_cuda": (1.0,),
        "huggingface_server_cuda": (2.0,),
        "baseline_server_text": (10.0,),
        "int8_server_text": (10.0,),
        "int8_huggingface_server_text": (10.0,),
    }
    figures = cold_start._figures(measured, {"int8_huggingface_server_memory": [500.0]})
    assert {name: figure.values for name, figure in figures.items()} == {
        **measured,
        "baseline_server_text": (9.0,),
        "int8_huggingface_server_text": (6.0,),
        "int8_huggingface_server_memory": (500.0,),
    }


def test_both_toolkits_are_compared_with_one_form_of_the_model() -> None:
    ratios = {ratio.name: ratio for ratio in cold_start._toolkit_ratios(EveryFigure())}
    compared = ratios["toolkit_memory_ratio"], ratios["toolkit_start_text_fp32_ratio"]
    assert [(ratio.numerator.name, ratio.denominator.name) for ratio in compared] == [
        ("int8_huggingface_server_memory", "int8_server_memory"),
        ("fp32_huggingface_server_text", "fp32_server_text"),
    ]
    assert {ratio.aim for ratio in ratios.values()} == {None}
