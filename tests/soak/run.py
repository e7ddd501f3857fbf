"""One soak from its beginning to its end."""

import os
import random
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any

import httpx

from imagesearch.entrypoints.openapi import document
from tests.soak import pictures, work
from tests.soak.account import Account
from tests.soak.asking import Asker
from tests.soak.ending import Ending, end
from tests.soak.oracle import Oracle, Truth
from tests.soak.pictures import Writer
from tests.soak.plan import MINUTE, plan
from tests.soak.record import Course, Record, record_of
from tests.soak.recovery import Recovery
from tests.soak.site import Site
from tests.waiting import wait_for

SEARCHERS = 2


class Soak:
    """Writes, searches and breaks for some minutes; ``say`` is told each step."""

    def __init__(self, site: Site, *, seed: int, minutes: float, say: Callable[[str], None]) -> None:
        self._site = site
        self._seed = seed
        self._minutes = minutes
        self._say = say
        self._plan = plan(seed=seed, minutes=minutes)
        self._account = Account()
        self._loads: list[float] = []
        self._began = 0.0

    def run(self, *, about: Mapping[str, Any]) -> Record:
        """The record of it all; Ctrl-C ends it early, and the record says so."""
        self._load()
        truth = self._learn()
        oracle = Oracle(ledger=self._site.ledger, truth=truth, openapi=document("key"))
        with ExitStack() as stack:
            http = stack.enter_context(self._site.http())
            recovery = Recovery(
                self._site,
                self._account,
                Asker(self._site, self._account, oracle, http),
                random.Random(self._seed),  # noqa: S311 - no secret
            )
            ending: Ending | None = None
            self._began = time.monotonic()
            try:
                with self._going_on(oracle):
                    self._break(recovery)
                self._say("Faults are over: waiting for what is under way.")
                recovery.wait()
                ending = end(self._site, self._account)
            except KeyboardInterrupt:
                self._say("Cut short.")
            finally:
                recovery.give_up()
            course = Course(
                seed=self._seed,
                minutes=self._minutes,
                seconds=time.monotonic() - self._began,
                faults_due=len(self._plan),
                is_cut_short=ending is None,
                loads=tuple(self._loads),
            )
            return record_of(course, self._account, recovery.faults, recovery.windows, ending, about=about)

    def _load(self) -> None:
        """Put the library, and wait until all of it is indexed."""
        writer = Writer(library=self._site.library, ledger=self._site.ledger)
        names = list(pictures.load(writer))
        versions = self._site.ledger.versions()
        for name in names:
            key = self._site.library.key(name)
            wait_for(
                lambda key=key: versions[key].is_shown_by(self._site.library.client.image(key)) or None,  # type: ignore[misc]
                f"{name} to be indexed",
            )
        self._say(f"{len(names)} pictures are indexed.")

    def _learn(self) -> Truth:
        """What cannot change from now on, as the environment says while all is well."""
        client, prefix = self._site.library.client, self._site.library.key(pictures.STEADY)
        found = {text: client.search(text, prefix=prefix, embedding=True) for text in pictures.TEXTS}
        some = next(iter(found.values()))
        return Truth(
            index=some.index,
            fingerprint=some.model.fingerprint,
            dimension=len(some.hits[0].embedding or ()),
            rankings={text: tuple(hit.key for hit in result.hits) for text, result in found.items()},
        )

    @contextmanager
    def _going_on(self, oracle: Oracle) -> Iterator[None]:
        """Let writers, searchers and bulk runs go on during the body, and end them properly."""
        with ExitStack() as stack:
            threads = [
                threading.Thread(target=self._work(name, do), name=name, daemon=True)
                for name, do in self._jobs(oracle, stack)
            ]
            for thread in threads:
                thread.start()
            try:
                yield
            finally:
                self._site.stop.set()
                for thread in threads:
                    thread.join()

    def _jobs(self, oracle: Oracle, stack: ExitStack) -> Iterator[tuple[str, Callable[[], None]]]:
        def asker() -> Asker:
            http: httpx.Client = stack.enter_context(self._site.http())
            return Asker(self._site, self._account, oracle, http)

        def chance(number: int) -> random.Random:
            return random.Random(self._seed + number)  # noqa: S311 - no secret

        yield "writer", partial(work.write, self._site, self._account, chance(1))
        yield "bulk runs", partial(work.run_bulk, self._site, self._account)
        yield "watcher", partial(work.watch, self._site, asker(), self._account)
        for number in range(SEARCHERS):
            yield f"searcher {number}", partial(work.search, self._site, asker(), chance(2 + number))

    def _work(self, name: str, do: Callable[[], None]) -> Callable[[], None]:
        def work() -> None:
            with self._account.watching(name):
                do()

        return work

    def _break(self, recovery: Recovery) -> None:
        """Inject each fault when it is due, or as soon as the one before is over."""
        for planned in self._plan:
            time.sleep(max(0.0, planned.due - self._seconds()))
            told = "not injected"
            with self._account.watching(f"fault {planned.kind}"):
                fault = recovery.go_through(planned.kind)
                told = f"searches after {_text(fault.searches)}, pictures after {_text(fault.new_pictures)}"
            self._loads.append(os.getloadavg()[0])
            self._say(f"{self._seconds() / MINUTE:4.1f} min: {planned.kind}: {told}; {self._counts()}")
        time.sleep(max(0.0, self._minutes * MINUTE - self._seconds()))

    def _seconds(self) -> float:
        return time.monotonic() - self._began

    def _counts(self) -> str:
        totals = {
            name: sum(counts[name] for counts in self._account.outcomes().values())
            for name in ("right", "refused", "wrong")
        }
        told = ", ".join(f"{count} {name}" for name, count in totals.items())
        return f"{told}; {sum(self._account.writes.values())} writes, {self._account.settled} settled"


def _text(seconds: float | None) -> str:
    return "never" if seconds is None else f"{seconds:.1f} s"
