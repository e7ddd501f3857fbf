"""The genuine model server under load: 1 to 16 clients at once, end to end over HTTP."""

import http.client
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from itertools import cycle, islice
from pathlib import Path

from benchmarks.contestants import BASELINE, EXACT, FAST, FORMS, Contestant, Form, contestants, ratios_by_form
from benchmarks.measuring import Say, percentile, progress
from benchmarks.requests import Request, Requests
from benchmarks.results import Aim, Chart, Figure, Ratio, Section
from benchmarks.served import ask, seconds_to_first_answer, starting_server
from scripts.local.model_server.server import ModelServer

PART = "load"
REPEATS = 2
CLIENTS = (1, 2, 4, 8, 16)
BASELINE_CLIENTS = (1, 16)
SENT = 100
"""Requests of each kind at each number of clients."""
LINES = 6
"""As many pictures of two megapixels as one request may hold."""
LINES_SENT = 8
PERCENTILES = (50, 95, 99)

Values = dict[str, list[float]]


@dataclass(frozen=True, kw_only=True)
class Burst:
    """What came of requests that some clients sent at once: seconds in all, and of each that was answered."""

    seconds: float
    answered: Sequence[float]
    failed: int

    @property
    def rate(self) -> float:
        """Answered requests a second."""
        return len(self.answered) / self.seconds

    def percentile_ms(self, percent: int) -> float:
        """Return the milliseconds within which so many of hundred requests were answered."""
        return 1000 * percentile(self.answered, percent)


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """What clients send to one contestant's server."""

    contestant: str
    kind: str
    clients: int

    @property
    def name(self) -> str:
        """The beginning of its figures' names."""
        return f"{self.contestant}_{self.kind}_{self.clients}"


def measure() -> Section:
    """Return requests a second and percentiles of their time for each number of clients."""
    known = contestants()
    scenarios = list(_scenarios())
    values: Values = {}
    with tempfile.TemporaryDirectory(prefix="imagesearch-bench-") as folder, ExitStack() as stack:
        requests = Requests(Path(folder))
        kinds = {"texts": [requests.text()], "pictures": requests.pictures()}
        servers = {name: _started(stack, each, requests) for name, each in known.items()}
        with progress(PART, steps=REPEATS * (len(scenarios) + len(FORMS))) as say:
            for number in range(REPEATS):
                title = f"round {number + 1} of {REPEATS}"
                for scenario in scenarios:
                    say(f"{title}: {scenario.name}")
                    burst = send(servers[scenario.contestant], kinds[scenario.kind], scenario.clients)
                    _note(values, scenario, burst)
                _send_lines(servers, requests, values, say, title)
    figures = {
        name: Figure(name=name, unit=_unit(name), values=tuple(measured)) for name, measured in values.items()
    }
    return Section(
        method=(
            "The genuine toolkit and model server on loopback, one for each contestant, all in turn; ours "
            "with one worker, the baseline with its default of one a processor. CONTESTANT_KIND_N: N clients "
            f"at once, each with the next request when it has its answer, {SENT} in all: pictures are JPEGs "
            f"of two megapixels, one a request, texts are short. lines: {LINES} such pictures as JSON Lines, "
            "by two clients. The tail is compared with the time that so many requests take one by one."
        ),
        figures=tuple(figures.values()),
        ratios=ratios_by_form(_ratios_of, figures),
        charts=_charts(),
        facts={"requests": SENT, "baseline_clients": BASELINE_CLIENTS},
    )


def _scenarios() -> Iterator[Scenario]:
    for clients in CLIENTS:
        for kind in ("texts", "pictures"):
            names = [form.name for form in FORMS]
            if clients in BASELINE_CLIENTS:
                names.insert(0, BASELINE)
            yield from (Scenario(contestant=name, kind=kind, clients=clients) for name in names)


def _started(stack: ExitStack, contestant: Contestant, requests: Requests) -> ModelServer:
    """Return a server that has answered a text and a picture of every client."""
    if contestant.name == BASELINE:
        workers = {"SAGEMAKER_MODEL_SERVER_WORKERS"}
        environment = {name: value for name, value in contestant.environment.items() if name not in workers}
        contestant = replace(contestant, environment=environment)
    server = stack.enter_context(starting_server(contestant))
    seconds_to_first_answer(server, requests.text())
    for kind in ([requests.text()], requests.pictures()):
        send(server, kind, max(CLIENTS), count=2 * max(CLIENTS))
    return server


def send(server: ModelServer, requests: Sequence[Request], clients: int, *, count: int = SENT) -> Burst:
    """Let so many clients send `count` requests, which are these over and over."""

    def timed(request: Request) -> float | None:
        began = time.perf_counter()
        try:
            is_answered = ask(server, request).status == 200
        except (OSError, http.client.HTTPException):
            is_answered = False
        return time.perf_counter() - began if is_answered else None

    began = time.perf_counter()
    with ThreadPoolExecutor(clients) as senders:
        outcomes = list(senders.map(timed, islice(cycle(requests), count)))
    answered = [seconds for seconds in outcomes if seconds is not None]
    return Burst(seconds=time.perf_counter() - began, answered=answered, failed=len(outcomes) - len(answered))


def _note(values: Values, scenario: Scenario, burst: Burst) -> None:
    def note(name: str, value: float) -> None:
        values.setdefault(f"{scenario.name}_{name}", []).append(value)

    note("failed", burst.failed)
    note("sent", burst.failed + len(burst.answered))
    note("rate", burst.rate)
    for percent in PERCENTILES:
        note(f"p{percent}", burst.percentile_ms(percent))
    if scenario.clients == 1:
        note("queued", max(CLIENTS) * burst.percentile_ms(50))


def _send_lines(
    servers: Mapping[str, ModelServer], requests: Requests, values: Values, say: Say, title: str
) -> None:
    for form in FORMS:
        say(f"{title}: {form.name}_lines")
        burst = send(servers[form.name], [requests.lines(LINES)], 2, count=LINES_SENT)
        values.setdefault(f"{form.name}_lines_rate", []).append(LINES * burst.rate)


def _unit(name: str) -> str:
    last = name.rpartition("_")[2]
    if last in ("failed", "sent"):
        return "requests"
    if last != "rate":
        return "ms"
    return "texts/s" if "_texts_" in name else "pictures/s"


def _ratios_of(form: Form, figures: Mapping[str, Figure]) -> tuple[Ratio, ...]:
    ratio = partial(form.ratio, figures)
    most, ours = max(CLIENTS), form.name
    none_fail, short_tail = Aim(value=0, is_most=True), Aim(value=3, is_most=True)
    return (
        ratio("served_text{}_ratio", "baseline_texts_1_p50", f"{ours}_texts_1_p50"),
        ratio("served_picture{}_ratio", "baseline_pictures_1_p50", f"{ours}_pictures_1_p50"),
        ratio("load_texts{}_ratio", f"{ours}_texts_{most}_rate", f"baseline_texts_{most}_rate"),
        ratio("load_pictures{}_ratio", f"{ours}_pictures_{most}_rate", f"baseline_pictures_{most}_rate"),
        *(
            single
            for kind in ("texts", "pictures")
            for single in (
                ratio(
                    f"load_{kind}_tail{{}}_fraction",
                    f"{ours}_{kind}_{most}_p99",
                    f"{ours}_{kind}_1_queued",
                    short_tail,
                ),
                ratio(
                    f"load_{kind}_failed{{}}_fraction",
                    f"{ours}_{kind}_{most}_failed",
                    f"{ours}_{kind}_{most}_sent",
                    none_fail,
                ),
            )
        ),
    )


def _charts() -> tuple[Chart, ...]:
    groups = tuple(map(str, CLIENTS))

    def lines(name: str, title: str, series: Mapping[str, tuple[str, str, str]]) -> Chart:
        chosen = {
            label: tuple(
                None
                if of == BASELINE and clients not in BASELINE_CLIENTS
                else f"{of}_{kind}_{clients}_{what}"
                for clients in CLIENTS
            )
            for label, (of, kind, what) in series.items()
        }
        return Chart(name=name, title=title, kind="lines", groups=groups, series=chosen)

    everyone = (BASELINE, *(form.name for form in FORMS))
    percentiles = [f"p{percent}" for percent in PERCENTILES]
    rates = [
        lines(
            f"{kind}-rate",
            f"{kind.capitalize()} a second, by clients",
            {of: (of, kind, "rate") for of in everyone},
        )
        for kind in ("texts", "pictures")
    ]
    times = [
        lines(
            f"{kind}-time",
            f"Time of {kind}, by clients",
            {
                f"{form.name} {each}": (form.name, kind, each)
                for form in (EXACT, FAST)
                for each in percentiles
            },
        )
        for kind in ("texts", "pictures")
    ]
    return (*rates, *times)
