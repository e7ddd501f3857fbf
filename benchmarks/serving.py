"""The baseline's handler against ours, called in processes of their own: texts, pictures, batches, shards."""

import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from statistics import mean, median

from benchmarks.contestants import BASELINE, EXACT, FAST, FORMS, Form, contestants, ratios_by_form
from benchmarks.loops import HandlerLoop, handler_loop
from benchmarks.measuring import interleaved, progress
from benchmarks.requests import PICTURES, TEXT_TOKENS, Request, Requests
from benchmarks.results import Aim, Chart, Figure, Ratio, Section
from imagesearch.bulk.entries import SHARD_RECORDS

PART = "serving"
REPEATS = 5
TEXTS, SINGLES, BATCH, BATCHES = 20, 8, 16, 4
SAME_MODEL = 0.99
"""Ours decodes less of a JPEG, which moves a vector a little; another model's would be far off."""

Variants = dict[str, Callable[[], float]]


def measure() -> Section:
    """Return milliseconds a text and a picture, and pictures a second, of each handler."""
    known = contestants()
    with tempfile.TemporaryDirectory(prefix="imagesearch-bench-") as folder, ExitStack() as stack:
        requests = Requests(Path(folder))
        handlers = {name: stack.enter_context(handler_loop(each)) for name, each in known.items()}
        cosines = _cosines(handlers, requests)
        variants = _baseline_variants(handlers[BASELINE], requests)
        for form in FORMS:
            variants |= _variants(form.name, handlers[form.name], requests)
        with progress(PART, steps=len(variants) * (REPEATS + 1)) as say:
            measured = interleaved(variants, repeats=REPEATS, say=say)
        size = mean(request.path.stat().st_size for request in requests.pictures())
    figures = _figures(measured)
    return Section(
        method=(
            "CLIP ViT-B/32 with random weights, the same for all. Each handler in a process of its own, "
            "called in turn as the model server calls it. baseline: eager PyTorch, one picture a request. "
            f"Ours, by its form: text, {TEXT_TOKENS} tokens; picture, a JPEG of two megapixels; batch, "
            f"{BATCH} of them in a JSON request; bulk, {SHARD_RECORDS} as JSON Lines. text_outside: the part "
            "of a text's time in which its tower does not run. cosine: to the baseline's vector. No form "
            "passed the gate, as rankings of random weights mean nothing."
        ),
        figures=(*figures.values(), *cosines),
        ratios=ratios_by_form(_ratios_of, figures),
        charts=_charts(),
        facts={"jpeg_bytes": round(size), "different_pictures": PICTURES},
    )


def _cosines(handlers: Mapping[str, HandlerLoop], requests: Requests) -> list[Figure]:
    """Return how near each form's vectors are to the baseline's. Raises RuntimeError for another model."""
    figures = []
    for kind, request in (("text", requests.text()), ("picture", requests.pictures()[0])):
        expected = handlers[BASELINE].vector(request)
        for form in FORMS:
            cosine = float(handlers[form.name].vector(request) @ expected)
            if form is EXACT and cosine < SAME_MODEL:
                raise RuntimeError(f"the baseline is another model: {cosine} is the cosine of a {kind}")
            figures.append(Figure(name=f"{form.name}_{kind}_cosine", unit="cosine", values=(cosine,)))
    return figures


def _baseline_variants(handler: HandlerLoop, requests: Requests) -> Variants:
    pictures = requests.pictures()
    return {
        "baseline_text": partial(_milliseconds, handler, [requests.text()] * TEXTS),
        "baseline_picture": partial(_milliseconds, handler, pictures[:SINGLES]),
        "baseline_pictures": partial(handler.rate, *pictures),
    }


def _variants(name: str, handler: HandlerLoop, requests: Requests) -> Variants:
    return {
        f"{name}_text": partial(_milliseconds, handler, [requests.text()] * TEXTS),
        f"{name}_text_outside": partial(_milliseconds_outside, handler, [requests.text()] * TEXTS),
        f"{name}_picture": partial(_milliseconds, handler, requests.pictures()[:SINGLES]),
        f"{name}_batch": partial(handler.rate, *[requests.batch(BATCH)] * BATCHES),
        f"{name}_bulk": partial(handler.rate, requests.lines(SHARD_RECORDS)),
    }


def _milliseconds(handler: HandlerLoop, requests: Sequence[Request]) -> float:
    return 1000 * median(handler.seconds(*requests))


def _milliseconds_outside(handler: HandlerLoop, requests: Sequence[Request]) -> float:
    return 1000 * median(handler.seconds_outside(*requests))


def _figures(measured: Mapping[str, tuple[float, ...]]) -> dict[str, Figure]:
    rates = ("_pictures", "_batch", "_bulk")
    return {
        name: Figure(name=name, unit="pictures/s" if name.endswith(rates) else "ms", values=values)
        for name, values in measured.items()
    }


def _ratios_of(form: Form, figures: Mapping[str, Figure]) -> tuple[Ratio, ...]:
    """Return a form's ratios to the baseline; the aims are those of the exact and of the fast form."""

    ratio = partial(form.ratio, figures)
    bulk = {EXACT: Aim(value=2.2), FAST: Aim(value=6)}
    fast_only = form is FAST
    return (
        ratio("bulk_pictures{}_ratio", f"{form.name}_bulk", "baseline_pictures", bulk.get(form)),
        ratio("batch_pictures{}_ratio", f"{form.name}_batch", "baseline_pictures"),
        ratio("picture{}_ratio", "baseline_picture", f"{form.name}_picture"),
        ratio(
            "text_query{}_ratio", "baseline_text", f"{form.name}_text", Aim(value=5) if fast_only else None
        ),
        ratio(
            "text_outside{}_fraction",
            f"{form.name}_text_outside",
            f"{form.name}_text",
            Aim(value=0.2, is_most=True) if fast_only else None,
        ),
    )


def _charts() -> tuple[Chart, ...]:
    names = (BASELINE, *(form.name for form in FORMS))

    def bars(name: str, title: str, series: Mapping[str, Callable[[str], str | None]]) -> Chart:
        chosen = {label: tuple(figure(each) for each in names) for label, figure in series.items()}
        return Chart(name=name, title=title, kind="bars", groups=names, series=chosen)

    def ours(kind: str) -> Callable[[str], str | None]:
        return lambda name: None if name == BASELINE else f"{name}_{kind}"

    def one_each(name: str) -> str | None:
        return "baseline_pictures" if name == BASELINE else None

    return (
        bars(
            "pictures",
            "Pictures a second, JPEG of two megapixels",
            {"one a request": one_each, "batch": ours("batch"), "bulk": ours("bulk")},
        ),
        bars("picture", "One picture", {"picture": lambda name: f"{name}_picture"}),
        bars(
            "text",
            "A text query",
            {"handler": lambda name: f"{name}_text", "outside the tower": ours("text_outside")},
        ),
    )
