"""What goes on all the while: writing, bulk runs, searching, and looking whether what was written shows."""

import itertools
import random
import time
from contextlib import ExitStack, suppress
from dataclasses import replace

import httpx

from scripts.bulk.runs import Run
from tests.e2e.library import Library
from tests.soak import pictures
from tests.soak.account import Account
from tests.soak.asking import Asker
from tests.soak.ledger import NOTHING
from tests.soak.pictures import Writer
from tests.soak.site import Site

WRITES_APART = 1.4
"""Seconds between two writes: some forty a minute."""
SEARCHES_APART = 0.25
LOOKS_APART = 0.2
BULK_RUNS_APART = 90.0
RESUMED = 30
"""How often a bulk run is resumed before it counts as never completed."""
COLOURS = ("red", "green", "blue", "yellow", "dark", "bright", "grey", "violet")
THINGS = ("square", "circle", "sky", "field", "map", "wall", "night", "sea")

new_seeds = itertools.count(100_000)
"""Seeds of pictures that are not there in the beginning."""


def write(site: Site, account: Account, chance: random.Random) -> None:
    """Put, replace, describe, delete and damage pictures until the end."""
    writer = Writer(library=site.library, ledger=site.ledger)
    while not site.stop.wait(WRITES_APART):
        name = chance.choice(pictures.changing())
        present = site.ledger.versions().get(site.library.key(name), NOTHING)
        deed = chance.choices(("replaced", "described", "deleted", "damaged"), (40, 35, 18, 7))[0]
        account.writes["put" if present.etag is None else deed] += 1
        if present.etag is None or deed == "replaced":
            writer.put(name, next(new_seeds))
        elif deed == "described":
            writer.describe(name, "changing", f"tag-{next(new_seeds)}")
        elif deed == "deleted":
            writer.delete(name)
        else:
            writer.damage(name, next(new_seeds))


def run_bulk(site: Site, account: Account) -> None:
    """Let the index lose pictures, and bring them back by bulk runs, each resumed until it is complete."""
    lost = replace(site.library, prefix=site.library.key(pictures.BULK))
    while not site.stop.wait(BULK_RUNS_APART):
        versions = site.ledger.versions()
        with site.ledger.bulk_run():
            with ExitStack() as unsettled:
                for name in pictures.bulk():
                    key = site.library.key(name)
                    unsettled.enter_context(site.ledger.writing(key, versions[key]))
                _lose(site, lost)
            account.bulk["runs"] += 1
            run = _run(site, site.library.prefix)
            for _ in range(RESUMED):
                if run.status == "complete":
                    break
                account.bulk["resumed"] += 1
                run = _run(site, "--resume", run.run)
        account.bulk["indexed"] += run.indexed
        if run.status != "complete":
            account.broken.append(f"the bulk run {run.run} is not complete: {run.reason}")


def _lose(site: Site, library: Library) -> None:
    """Remove the documents, as soon as OpenSearch lets us."""
    while True:
        with suppress(httpx.HTTPError):
            site.house.forget_all(library)
            return
        time.sleep(0.5)


def _run(site: Site, *arguments: str) -> Run:
    said = site.imagesearch("bulk", *arguments, "--json")
    assert said.stdout, said.stderr
    return Run.model_validate_json(said.stdout)


def search(site: Site, asker: Asker, chance: random.Random) -> None:
    """Search in every way until the end."""
    ways = (_by_text, _by_fixed_text, _by_picture, _like_another, _by_filter, _by_pages)
    while not site.stop.wait(SEARCHES_APART):
        way = chance.choices(ways, (3, 2, 4, 2, 3, 1))[0]
        way(site, asker, chance)


def watch(site: Site, asker: Asker, account: Account) -> None:
    """Ask for what was written until the API has shown it for good."""
    while not site.stop.wait(LOOKS_APART):
        for key in site.ledger.due():
            asked, is_right, state = asker.state(key)
            account.settled += is_right and site.ledger.observe(key, state, asked=asked)
            if site.stop.wait(LOOKS_APART):
                return


def new_text(chance: random.Random) -> str:
    """A text that was hardly asked for before, so that a model must be asked for its vector."""
    return f"{chance.choice(COLOURS)} {chance.choice(THINGS)} {chance.randrange(10**6)}"


def _by_text(site: Site, asker: Asker, chance: random.Random) -> None:
    asker.search("text", {"text": new_text(chance), "k": 20})


def _by_fixed_text(site: Site, asker: Asker, chance: random.Random) -> None:
    text, prefix = chance.choice(pictures.TEXTS), site.library.key(pictures.STEADY)
    asker.search("fixed text", {"text": text, "prefix": prefix}, prefix=prefix, ranked=text)


def _by_picture(site: Site, asker: Asker, chance: random.Random) -> None:
    if known := site.ledger.keys(settled_since=time.monotonic()):
        key = chance.choice(known)
        seed = site.ledger.versions()[key].seed
        if seed is not None:
            asker.picture(key, seed)


def _like_another(site: Site, asker: Asker, chance: random.Random) -> None:
    asker.similar(site.library.key(chance.choice(list(pictures.steady()))))


def _by_filter(site: Site, asker: Asker, chance: random.Random) -> None:
    tag = chance.choice(sorted(set(pictures.steady().values())))
    group = frozenset(site.library.key(name) for name, each in pictures.steady().items() if each == tag)
    body = {"text": new_text(chance), "filter": {"field": "tags", "in": [tag]}, "facets": ["tags"]}
    asker.search("filter", body, tag=tag, group=group)


def _by_pages(site: Site, asker: Asker, chance: random.Random) -> None:
    group = frozenset(map(site.library.key, pictures.steady()))
    asker.pages(prefix=site.library.key(pictures.STEADY), text=new_text(chance), group=group, k=9)
