"""Searches that somebody makes all the while, and that must be answered as they were before."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from imagesearch_client import ClientError, ImageSearchClient

CHEAP = {"field": "attributes.price", "lt": 3}
PAUSE_SECONDS = 0.05
FEWEST_ROUNDS = 10
"""How often at least everything must have been asked, for its answers to say anything."""


@dataclass
class Searches:
    """Searches of a folder's ``pictures``, whose prices are 0, 1, 2 …; nothing is tried twice."""

    client: ImageSearchClient
    prefix: str
    pictures: int
    rounds: int = 0
    faults: list[str] = field(default_factory=list)

    @contextmanager
    def answered_as_before(self) -> Iterator[None]:
        """Search while the block runs; fails where an answer was another one than before it."""
        ranking, started = self._found("shapes"), self.rounds
        assert len(ranking) == self.pictures
        ended = threading.Event()

        def ask() -> None:
            while True:
                self._ask(ranking)
                if ended.wait(PAUSE_SECONDS):
                    return

        thread = threading.Thread(target=ask)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()
        assert self.faults == []
        assert self.rounds - started >= FEWEST_ROUNDS

    def _ask(self, ranking: list[str]) -> None:
        """Ask each kind of search once; the first of them is a text whose vector no cache has."""
        try:
            assert sorted(self._found(f"picture {self.rounds}")) == sorted(ranking)
            assert self._found("shapes") == ranking
            assert sorted(self._found("shapes", filter=CHEAP)) == [f"{number}.jpg" for number in range(3)]
        except (AssertionError, ClientError) as error:
            self.faults.append(f"round {self.rounds}: {type(error).__name__}: {error}")
        self.rounds += 1

    def _found(self, text: str, **options: Any) -> list[str]:
        hits = self.client.search(text, prefix=self.prefix, k=self.pictures, **options).hits
        return [hit.key.removeprefix(self.prefix) for hit in hits]
