"""The deployed API under mixed queries: 2 000 of all kinds by 8 clients at once, of which none may fail."""

import base64
import io
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from statistics import fmean
from typing import Any, Literal

import httpx
import numpy as np
from PIL import Image

from benchmarks.bulk_run import run_bulk
from benchmarks.deployed import AT_ONCE, Deployed, deployed, key_of
from benchmarks.measuring import percentile, progress
from benchmarks.photographs import find_photographs
from benchmarks.results import Aim, Chart, Figure, Ratio, Section
from imagesearch.metadata import sidecar_key
from imagesearch.models import document_id
from scripts.errors import CommandError
from scripts.render import complaints

PART = "queries"
PICTURES = 1_000
"""In the index; each is another part of a photograph."""
SENT, CLIENTS = 2_000, 8
SENT_ALONE = 300
"""Queries that one client asks before, each when the one before is answered."""
WARM_UP = 160
"""Queries before all others, so that as many functions run as there are clients."""
PERCENTILES = (50, 95, 99)
MOST_REST_MS = 5.0
"""What all but encoding and searching may take of half of the queries."""

Kind = Literal["text", "picture", "composed", "filtered", "hybrid", "counted", "paged"]
TURN: Sequence[Kind] = (
    *("text", "picture", "composed", "filtered", "paged", "text", "picture", "composed", "filtered"),
    *("hybrid", "text", "picture", "composed", "filtered", "counted", "text", "text"),
)
"""Seventeen queries, which are twenty requests: a paged one has four pages."""
PAGES = 4
_PATIENCE_SECONDS = 40
"""Longer than API Gateway waits for the function."""

_ADJECTIVES = ("a big", "a small", "a red", "a white", "an old", "a wet", "a wooden", "a bright")
_NOUNS = (
    *("dog", "cat", "horse", "bus", "bicycle", "boat", "pizza", "cake", "banana", "laptop", "clock", "bed"),
    *("kitchen", "bathroom", "street", "mountain", "beach", "lake", "umbrella", "suitcase", "player"),
    *("child", "woman", "elephant", "sheep"),
)
_PLACES = (
    *("in the snow", "on a beach", "at night", "in a garden", "under a tree", "beside a window", "in a city"),
    *("on a table", "near the water", "behind a fence", "in an empty room", "among people"),
)
_CATEGORIES = ("furniture", "garden", "kitchen", "office", "sport", "toys", "travel", "vehicles")


@dataclass(frozen=True, kw_only=True)
class Material:
    """What queries are made of: indexed keys, the categories they have, and pictures that are not indexed.

    Only pictures whose keys begin with `prefix` are looked for.
    """

    keys: Sequence[str]
    categories: Sequence[str]
    picture: Callable[[int], bytes]
    prefix: str = ""


@dataclass(frozen=True, kw_only=True)
class Mixed:
    """A search, of which so many pages are asked one after the other."""

    kind: Kind
    body: Mapping[str, Any]
    pages: int = 1


@dataclass(frozen=True, kw_only=True)
class Answered:
    """One answered request: milliseconds as the client saw them, and as the answer tells them by part."""

    kind: Kind
    ms: float
    took: Mapping[str, float]

    @property
    def outside_ms(self) -> float:
        """What the answer does not tell: gateway, start of the function, reading, rendering, client."""
        return self.ms - self.took["total"]


@dataclass(kw_only=True)
class Outcome:
    """What came of queries, with the seconds from the first to the last; `failures` tell what was wrong."""

    seconds: float = 0.0
    answered: list[Answered] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    def kinds(self) -> Iterator[tuple[Kind, list[float]]]:
        """Yield the milliseconds of each kind's requests."""
        for kind in dict.fromkeys(TURN):
            yield kind, [each.ms for each in self.answered if each.kind == kind]

    def parts(self) -> dict[str, list[float]]:
        """Return the milliseconds of all requests by where they went."""
        told = {name: [each.took[name] for each in self.answered] for name in ("encode", "search", "rest")}
        return {**told, "outside": [each.outside_ms for each in self.answered]}


def phrase(number: int) -> str:
    """Return the text of this number; the first 2 400 differ."""
    rest, noun = divmod(number, len(_NOUNS))
    rest, place = divmod(rest, len(_PLACES))
    return f"{_ADJECTIVES[rest % len(_ADJECTIVES)]} {_NOUNS[noun]} {_PLACES[place]}"


def mixed(requests: int, material: Material, *, first: int = 0) -> Iterator[Mixed]:
    """Yield queries of all kinds that make so many requests, a multiple of 20; the same ones each time.

    No text and no picture comes twice, those excepted that a composed query is to be unlike. `first` is where
    the numbering of the texts begins.
    """
    turns = requests // (len(TURN) + PAGES - 1)
    for turn in range(turns):
        for place, kind in enumerate(TURN):
            number = first + turn * len(TURN) + place
            yield Mixed(kind=kind, body=_body(kind, number, material), pages=PAGES if kind == "paged" else 1)


def _body(kind: Kind, number: int, material: Material) -> dict[str, Any]:
    body: dict[str, Any] = {"k": 10, **({"prefix": material.prefix} if material.prefix else {})}
    text = phrase(number)
    if kind == "picture":
        return {**body, "image": {"base64": base64.b64encode(material.picture(number)).decode()}}
    if kind == "composed":
        liked = document_id(material.keys[number % len(material.keys)])
        like = [{"text": text}, {"image": {"id": liked}, "weight": 0.5}]
        return {**body, "like": like, "unlike": [{"text": _PLACES[number % len(_PLACES)], "weight": 0.5}]}
    return {**body, "text": text, **_options(kind, number, material)}


def _options(kind: Kind, number: int, material: Material) -> dict[str, Any]:
    if kind == "filtered":
        category = material.categories[number % len(material.categories)]
        conditions = [
            {"field": "attributes.category", "in": [category]},
            {"not": {"field": "attributes.price", "lt": number % 5}},
        ]
        return {"filter": {"all": conditions}}
    if kind == "hybrid":
        return {"hybrid": True}
    if kind == "counted":
        return {"facets": ["tags", "attributes.category"], "collapse": True, "cutoff": "auto"}
    return {}


def send(
    queries: Sequence[Mixed],
    *,
    url: str,
    credentials: httpx.Auth,
    clients: int,
    transport: httpx.BaseTransport | None = None,
) -> Outcome:
    """Let so many clients ask these queries, each the next one when it has its answer; none asks twice."""
    outcome = Outcome()
    with httpx.Client(auth=credentials, timeout=_PATIENCE_SECONDS, transport=transport) as api:
        began = time.perf_counter()
        with ThreadPoolExecutor(clients) as senders:
            list(senders.map(partial(_ask, api, f"{url.rstrip('/')}/search", outcome), queries))
        outcome.seconds = time.perf_counter() - began
    return outcome


def _ask(api: httpx.Client, address: str, outcome: Outcome, query: Mixed) -> None:
    body = dict(query.body)
    for page in range(query.pages):
        began = time.perf_counter()
        try:
            response = api.post(address, json=body)
        except httpx.TransportError as error:
            outcome.failures.append(f"{query.kind}: {type(error).__name__}: {error}")
            return
        ms = (time.perf_counter() - began) * 1000
        answer = response.json() if response.status_code == 200 else {}
        is_last = page == query.pages - 1
        if "hits" not in answer or not (is_last or "cursor" in answer):
            outcome.failures.append(f"{query.kind}: {response.status_code} {response.text[:300]}")
            return
        outcome.answered.append(Answered(kind=query.kind, ms=ms, took=answer["took_ms"]))
        if not is_last:
            body["cursor"] = answer["cursor"]


def measure() -> Section:
    """Return the time of each kind and by part, and queries a second. Raises CommandError if one fails."""
    with deployed() as place:
        _fill(place)
        material = Material(
            keys=[key_of(n) for n in range(PICTURES)], categories=_CATEGORIES, picture=_beyond
        )
        plan = (("warm-up", WARM_UP, CLIENTS), ("alone", SENT_ALONE, 1), ("at once", SENT, CLIENTS))
        first, outcomes = 0, dict[str, Outcome]()
        with progress(PART, steps=len(plan)) as say:
            for name, requests, clients in plan:
                say(f"{name}: {requests} queries")
                queries = list(mixed(requests, material, first=first))
                first += len(queries)
                outcomes[name] = _send_all(place, queries, clients)
    return _section(outcomes["alone"], outcomes["at once"])


def _send_all(place: Deployed, queries: Sequence[Mixed], clients: int) -> Outcome:
    environment = place.environment
    outcome = send(queries, url=environment.api_url, credentials=environment.credentials, clients=clients)
    if outcome.failures:
        raise CommandError(
            "queries_failed", f"{len(outcome.failures)} queries failed, one of them so: {outcome.failures[0]}"
        )
    return outcome


def _fill(place: Deployed) -> None:
    """Index the pictures with all that is said of them."""
    with progress(PART, steps=-(-PICTURES // AT_ONCE)) as say:
        place.fill(PICTURES, uploaded=say, picture=_part_of_photograph)
    s3, bucket = place.client("s3"), place.environment.image_bucket
    for number in range(PICTURES):
        body = json.dumps(_said(number)).encode()
        s3.put_object(Bucket=bucket, Key=sidecar_key(key_of(number)), Body=body)
    run = run_bulk(place)
    if run["indexed"] != PICTURES:
        raise CommandError("run_failed", f"{run['indexed']} of {PICTURES} pictures were indexed.")
    complaints.print(f"{PART}: {PICTURES} pictures indexed", style="dim")


def _said(number: int) -> dict[str, Any]:
    category = _CATEGORIES[number % len(_CATEGORIES)]
    return {
        "caption": phrase(7 * number),
        "tags": [category, _NOUNS[number % len(_NOUNS)]],
        "attributes": {"category": category, "price": number % 100},
    }


def _part_of_photograph(number: int) -> bytes:
    """Return a JPEG of some part of a photograph, never the same part."""
    originals = find_photographs().originals
    random = np.random.default_rng(number)
    with Image.open(io.BytesIO(originals[number % len(originals)])) as image:
        share = random.uniform(0.5, 0.9)
        width, height = round(image.width * share), round(image.height * share)
        left, top = (int(random.integers(0, n + 1)) for n in (image.width - width, image.height - height))
        part = image.convert("RGB").crop((left, top, left + width, top + height))
    with io.BytesIO() as buffer:
        part.save(buffer, "JPEG", quality=90)
        return buffer.getvalue()


def _beyond(number: int) -> bytes:
    """Return a picture that is not indexed."""
    return _part_of_photograph(PICTURES + number)


def _section(alone: Outcome, loaded: Outcome) -> Section:
    figures = {figure.name: figure for figure in _figures(alone, loaded)}

    def ratio(name: str, numerator: str, denominator: str, aim: Aim | None = None) -> Ratio:
        return Ratio(name=name, numerator=figures[numerator], denominator=figures[denominator], aim=aim)

    at_most_allowed = Aim(value=1, is_most=True)
    return Section(
        method=(
            f"{SENT} requests by {CLIENTS} clients at once, each asking the next when it has its answer, of "
            "the deployed local environment: emulated API Gateway and Lambda, genuine model server and "
            "OpenSearch, all on this machine. None failed, and none was repeated: that would end the "
            "measurement. text, picture (JPEG in base64), composed (a text and an indexed picture, but not "
            "another text), filtered (two conditions), hybrid, counted (two facets, near duplicates "
            "collapsed, automatic cut-off), paged (each of four pages). No text or picture is sent twice, "
            "so that the model is asked each time, but for a paged query's later pages and for what a "
            f"composed one is to be unlike. alone: {SENT_ALONE} of the same by one client. "
            "encode, search and rest are the answers' own took_ms, outside is all the client waited for "
            "besides: gateway, start of the function, reading and rendering, and its own work. Shares are "
            "of means, since those add up."
        ),
        figures=tuple(figures.values()),
        ratios=(
            ratio("queries_rest_fraction", "alone_rest_p50", "rest_allowed", at_most_allowed),
            ratio("queries_rest_at_once_fraction", "rest_p50", "rest_allowed", at_most_allowed),
            ratio("queries_rest_share", "alone_rest_mean", "alone_mean"),
            ratio("queries_rest_at_once_share", "rest_mean", "mean"),
            ratio("queries_outside_share", "alone_outside_mean", "alone_mean"),
            ratio("queries_outside_at_once_share", "outside_mean", "mean"),
        ),
        charts=_charts(),
        facts={"pictures": PICTURES, "queries": SENT, "clients": CLIENTS, "failed": len(loaded.failures)},
    )


def _figures(alone: Outcome, loaded: Outcome) -> Iterator[Figure]:
    def ms(name: str, value: float) -> Figure:
        return Figure(name=name, unit="ms", values=(value,))

    for outcome, mark in ((alone, "alone_"), (loaded, "")):
        every = [each.ms for each in outcome.answered]
        rate = len(every) / outcome.seconds
        yield Figure(name=f"{mark}rate", unit="queries/s", values=(rate,))
        yield ms(f"{mark}mean", fmean(every))
        # One client asks too few of each kind to tell its rare times.
        told = PERCENTILES if outcome is loaded else PERCENTILES[:1]
        for kind, times in (("all", every), *outcome.kinds()):
            yield from (ms(f"{mark}{kind}_p{each}", percentile(times, each)) for each in told)
        for name, times in outcome.parts().items():
            yield ms(f"{mark}{name}_mean", fmean(times))
            yield from (ms(f"{mark}{name}_p{each}", percentile(times, each)) for each in PERCENTILES)
    yield ms("rest_allowed", MOST_REST_MS)


def _charts() -> tuple[Chart, ...]:
    kinds, parts = ("all", *dict.fromkeys(TURN)), ("encode", "search", "rest", "outside")
    return (
        Chart(
            name="kinds",
            title=f"Time by kind, {CLIENTS} clients",
            kind="bars",
            groups=kinds,
            series={f"p{each}": tuple(f"{kind}_p{each}" for kind in kinds) for each in PERCENTILES},
        ),
        Chart(
            name="parts",
            title="Mean time by part",
            kind="bars",
            groups=parts,
            series={
                "alone": tuple(f"alone_{part}_mean" for part in parts),
                f"{CLIENTS} clients": tuple(f"{part}_mean" for part in parts),
            },
        ),
    )
