"""From the start of a process to its first answer, and what memory it has taken then."""

import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

from benchmarks.contestants import BASELINE, FAST, FORMS, Contestant, Form, contestants, ratios_by_form
from benchmarks.loops import handler_loop
from benchmarks.measuring import interleaved, progress
from benchmarks.requests import Request, Requests
from benchmarks.results import Aim, Chart, Figure, Ratio, Section
from benchmarks.served import ask, memory_mb, seconds_to_first_answer, starting_server
from scripts.local.settings import tool_python

PART = "cold_start"
REPEATS = 3
ASKED = 16
"""How many pictures are encoded before memory is looked at."""
KINDS = ("text", "picture")
CUDA = Path(__file__).with_name("baseline") / "cuda_libraries.py"

Memory = dict[str, list[float]]


def measure() -> Section:
    """Return seconds to the first answer and megabytes, of handlers alone and of whole servers."""
    known = contestants()
    memory: Memory = {}
    with tempfile.TemporaryDirectory(prefix="imagesearch-bench-") as folder:
        variants = _variants(known, Requests(Path(folder)), memory)
        with progress(PART, steps=len(variants) * (REPEATS + 1)) as say:
            measured = interleaved(variants, repeats=REPEATS, say=say)
    figures = _figures(measured, memory)
    return Section(
        method=(
            "handler: a process of its own, from its start to the first answer, a text's or a picture's; "
            "memory after a text and 16 pictures. server: the genuine toolkit and model server, one worker, "
            "from the start of the toolkit to the first picture's answer; memory of all its processes, Java "
            "included, after a text and 16 pictures. Files in the page cache, artifact unpacked. Memory is "
            "the proportional set size. Taken off the baseline: the time and the memory of CUDA's libraries "
            "(baseline_cuda), which come with PyPI's torch and not with a container's. Neither is charged "
            "for what the published recipe downloads when a container starts."
        ),
        figures=tuple(figures.values()),
        ratios=ratios_by_form(_ratios_of, figures),
        charts=_charts(),
        facts={"pictures_before_memory": ASKED, "hugging_face_toolkit": "not measured"},
    )


def _variants(
    known: Mapping[str, Contestant], requests: Requests, memory: Memory
) -> dict[str, Callable[[], float]]:
    first = {"text": requests.text(), "picture": requests.pictures()[0]}
    asked = [requests.text(), *requests.pictures()[:ASKED]]
    variants: dict[str, Callable[[], float]] = {"baseline_cuda": _cuda_seconds}
    for name, contestant in known.items():
        for kind in KINDS:
            variants[f"{name}_handler_{kind}"] = partial(_handler_start, contestant, first[kind])
        variants[f"{name}_handler_memory"] = partial(_handler_memory, contestant, asked)
        variants[f"{name}_server_picture"] = partial(
            _server_start, contestant, asked, memory.setdefault(f"{name}_server_memory", [])
        )
    return variants


def _cuda_seconds() -> float:
    done = subprocess.run([tool_python("baseline"), "-P", CUDA], stdout=subprocess.PIPE, check=True)
    return float(done.stdout)


def _handler_start(contestant: Contestant, request: Request) -> float:
    began = time.perf_counter()
    with handler_loop(contestant) as handler:
        handler.seconds(request)
        return time.perf_counter() - began


def _handler_memory(contestant: Contestant, asked: Sequence[Request]) -> float:
    with handler_loop(contestant) as handler:
        for request in asked:
            handler.seconds(request)
        return handler.memory_mb


def _server_start(contestant: Contestant, asked: Sequence[Request], memory: list[float]) -> float:
    """Return the seconds to a picture's first answer, and put the memory after all others into `memory`."""
    with starting_server(contestant) as server:
        seconds = seconds_to_first_answer(server, asked[-1])
        for request in asked:
            if ask(server, request).status != 200:
                raise RuntimeError(f"{contestant.name} does not answer {request.path.name}")
        memory.append(memory_mb(server))
    return seconds


def _figures(
    measured: Mapping[str, tuple[float, ...]], memory: Mapping[str, list[float]]
) -> dict[str, Figure]:
    """Return seconds and megabytes; from the baseline's seconds those of CUDA's libraries are taken."""
    figures = {}
    for name, values in {**measured, **{name: tuple(each) for name, each in memory.items()}}.items():
        if name.endswith("_memory"):
            figures[name] = Figure(name=name, unit="MB", values=values)
        elif name.startswith(BASELINE) and name != "baseline_cuda":
            less = tuple(value - cuda for value, cuda in zip(values, measured["baseline_cuda"], strict=True))
            figures[name] = Figure(name=name, unit="s", values=less)
        else:
            figures[name] = Figure(name=name, unit="s", values=values)
    return figures


def _ratios_of(form: Form, figures: Mapping[str, Figure]) -> tuple[Ratio, ...]:
    """Return how much sooner a form answers than the baseline, and the share of its memory."""

    def sooner(name: str, what: str, aim: Aim | None = None) -> Ratio:
        return Ratio(
            name=f"cold_start{name}{form.mark}_ratio",
            numerator=figures[f"{BASELINE}_{what}"],
            denominator=figures[f"{form.name}_{what}"],
            aim=aim if form is FAST else None,
        )

    def share(name: str, what: str, aim: Aim | None = None) -> Ratio:
        return Ratio(
            name=f"memory{name}{form.mark}_ratio",
            numerator=figures[f"{form.name}_{what}"],
            denominator=figures[f"{BASELINE}_{what}"],
            aim=aim if form is FAST else None,
        )

    return (
        sooner("", "handler_picture", Aim(value=3)),
        sooner("_text", "handler_text"),
        sooner("_server", "server_picture"),
        share("", "handler_memory", Aim(value=0.5, is_most=True)),
        share("_server", "server_memory"),
    )


def _charts() -> tuple[Chart, ...]:
    names = (BASELINE, *(form.name for form in FORMS))

    def bars(name: str, title: str, series: Mapping[str, str]) -> Chart:
        chosen = {label: tuple(f"{each}_{what}" for each in names) for label, what in series.items()}
        return Chart(name=name, title=title, kind="bars", groups=names, series=chosen)

    return (
        bars(
            "start",
            "From the start to the first answer",
            {
                "handler, text": "handler_text",
                "handler, picture": "handler_picture",
                "server, picture": "server_picture",
            },
        ),
        bars("memory", "Memory", {"handler": "handler_memory", "server": "server_memory"}),
    )
