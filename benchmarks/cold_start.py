"""From the start of a process to its first answer, and what memory it has taken then."""

import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

from benchmarks.contestants import BASELINE, EXACT, FAST, FORMS, Contestant, Form, contestants, ratios_by_form
from benchmarks.loops import handler_loop
from benchmarks.measuring import interleaved, progress
from benchmarks.requests import Request, Requests
from benchmarks.results import Aim, Chart, Figure, Ratio, Section
from benchmarks.served import ask, hugging_face, memory_mb, seconds_to_first_answer, starting_server
from scripts.dependencies.locked import read_lock
from scripts.local.model_server.server import GENERIC, Stack
from scripts.local.settings import tool_python

PART = "cold_start"
REPEATS = 3
ASKED = 16
"""How many pictures are encoded before memory is looked at."""
KINDS = ("text", "picture")
CUDA = Path(__file__).with_name("baseline") / "cuda_libraries.py"
HUGGING_FACE = "huggingface_server"
"""The environment of SageMaker's Hugging Face toolkit, and the part that it has in the names of figures."""
HUGGING_FACE_LOCK = Path(__file__).with_name(HUGGING_FACE) / "requirements.txt"
UNDER_BOTH = (EXACT, FAST)
"""The forms whose servers are started by either toolkit."""
TORCH_IMPORTS = {BASELINE: 1, HUGGING_FACE: 2}
"""How many processes import torch one after the other: Hugging Face's toolkit does before its worker does."""

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
            "memory after a text and 16 pictures. server: the genuine generic toolkit and model server, one "
            "worker, from the start of the toolkit to the first answer; memory of all its processes, Java "
            "included, after a text and 16 pictures. huggingface_server: the same under the toolkit of "
            "SageMaker's Hugging Face image, with what it imports: torch and transformers, once in the "
            "toolkit and once in the worker. Files in the page cache, artifact unpacked. Memory is the "
            "proportional set size. Taken off the baseline, and twice off huggingface_server: the time and "
            "the memory of CUDA's libraries (baseline_cuda, huggingface_server_cuda), which come with PyPI's "
            "torch and not with a container's. Neither is charged for what the published recipe downloads "
            "when a container starts."
        ),
        figures=tuple(figures.values()),
        ratios=(*ratios_by_form(_ratios_of, figures), *_toolkit_ratios(figures)),
        charts=(*_charts(), *_toolkit_charts()),
        facts={"pictures_before_memory": ASKED, "hugging_face_server": _hugging_face_versions()},
    )


def _hugging_face_versions() -> Mapping[str, str]:
    locked = {package.name: package.version for package in read_lock(HUGGING_FACE_LOCK)}
    told = ("sagemaker-huggingface-inference-toolkit", "transformers", "torch")
    return {name: locked[name] for name in told}


def _variants(
    known: Mapping[str, Contestant], requests: Requests, memory: Memory
) -> dict[str, Callable[[], float]]:
    first = {"text": requests.text(), "picture": requests.pictures()[0]}
    asked = [requests.text(), *requests.pictures()[:ASKED]]
    variants: dict[str, Callable[[], float]] = {
        f"{tool}_cuda": partial(_cuda_seconds, tool) for tool in TORCH_IMPORTS
    }
    for name, contestant in known.items():
        for kind in KINDS:
            variants[f"{name}_handler_{kind}"] = partial(_handler_start, contestant, first[kind])
        variants[f"{name}_handler_memory"] = partial(_handler_memory, contestant, asked)
    for name, contestant, stack in _servers(known):
        variants[f"{name}_text"] = partial(_server_start, contestant, stack, first["text"])
        taken = memory.setdefault(f"{name}_memory", [])
        variants[f"{name}_picture"] = partial(_server_start_and_memory, contestant, stack, asked, taken)
    return variants


def _servers(known: Mapping[str, Contestant]) -> Iterator[tuple[str, Contestant, Stack]]:
    """Yield each server with its name, those of one contestant one after the other."""
    for name, contestant in known.items():
        yield f"{name}_server", contestant, GENERIC
        if any(form.name == name for form in UNDER_BOTH):
            yield f"{name}_{HUGGING_FACE}", contestant, hugging_face()


def _cuda_seconds(tool: str) -> float:
    done = subprocess.run([tool_python(tool), "-P", CUDA], stdout=subprocess.PIPE, check=True)
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


def _server_start(contestant: Contestant, stack: Stack, request: Request) -> float:
    with starting_server(contestant, stack=stack) as server:
        return seconds_to_first_answer(server, request)


def _server_start_and_memory(
    contestant: Contestant, stack: Stack, asked: Sequence[Request], memory: list[float]
) -> float:
    """Return the seconds to a picture's first answer, and put the memory after all others into `memory`."""
    with starting_server(contestant, stack=stack) as server:
        seconds = seconds_to_first_answer(server, asked[-1])
        for request in asked:
            if ask(server, request).status != 200:
                raise RuntimeError(f"{contestant.name} does not answer {request.path.name}")
        memory.append(memory_mb(server))
    return seconds


def _figures(
    measured: Mapping[str, tuple[float, ...]], memory: Mapping[str, list[float]]
) -> dict[str, Figure]:
    """Return seconds and megabytes; the seconds of CUDA's libraries are taken off what imports torch."""
    figures = {}
    for name, values in {**measured, **{name: tuple(each) for name, each in memory.items()}}.items():
        if name.endswith("_memory"):
            figures[name] = Figure(name=name, unit="MB", values=values)
        else:
            figures[name] = Figure(name=name, unit="s", values=_without_cuda(name, values, measured))
    return figures


def _without_cuda(
    name: str, values: Sequence[float], measured: Mapping[str, Sequence[float]]
) -> tuple[float, ...]:
    for tool, imports in TORCH_IMPORTS.items():
        if tool in name and name != f"{tool}_cuda":
            cuda = measured[f"{tool}_cuda"]
            return tuple(value - imports * each for value, each in zip(values, cuda, strict=True))
    return tuple(values)


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
        sooner("_server_text", "server_text"),
        share("", "handler_memory", Aim(value=0.5, is_most=True)),
        share("_server", "server_memory"),
    )


def _toolkit_ratios(figures: Mapping[str, Figure]) -> tuple[Ratio, ...]:
    """Return how many times as long a start takes under Hugging Face's toolkit, and the memory it takes."""
    names = {
        "toolkit_start{}_ratio": "picture",
        "toolkit_start_text{}_ratio": "text",
        "toolkit_memory{}_ratio": "memory",
    }
    return tuple(
        form.ratio(figures, name, f"{form.name}_{HUGGING_FACE}_{what}", f"{form.name}_server_{what}")
        for form in UNDER_BOTH
        for name, what in names.items()
    )


def _toolkit_charts() -> tuple[Chart, ...]:
    servers = {"generic": "server", "Hugging Face": HUGGING_FACE}

    def bars(name: str, title: str, kinds: Sequence[str]) -> Chart:
        groups = {f"{form.name}, {kind}": (form.name, kind) for form in UNDER_BOTH for kind in kinds}
        series = {
            label: tuple(f"{form}_{server}_{kind}" for form, kind in groups.values())
            for label, server in servers.items()
        }
        return Chart(name=name, title=title, kind="bars", groups=tuple(groups), series=series)

    return (
        bars("toolkits-start", "From the start of a toolkit to the first answer", KINDS),
        bars("toolkits-memory", "Memory under either toolkit", ("memory",)),
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
                "server, text": "server_text",
                "server, picture": "server_picture",
            },
        ),
        bars("memory", "Memory", {"handler": "handler_memory", "server": "server_memory"}),
    )
