"""Runs actors in one chosen order: each stops before every step, and only one goes on at a time."""

import random
import threading
from collections.abc import Callable, Sequence


class Actor(threading.Thread):
    """A thread that waits for its turn before each step; `ready` says whether it may begin."""

    def __init__(self, play: Callable[["Actor"], None], *, ready: Callable[[], bool] = lambda: True) -> None:
        super().__init__(daemon=True)
        self._play = play
        self._turn = threading.Semaphore(0)
        self._yielded = threading.Semaphore(0)
        self.ready = ready
        self.ended = False
        self.error: BaseException | None = None

    def step(self) -> None:
        """Called by the play before anything that others can see."""
        self._yielded.release()
        self._turn.acquire()

    def run(self) -> None:
        """Play, and keep what went wrong for the stage to raise."""
        self._turn.acquire()
        try:
            self._play(self)
        except BaseException as error:  # noqa: BLE001 - raised again by `perform`
            self.error = error
        self.ended = True
        self._yielded.release()

    def go_on(self) -> None:
        """Let the actor play up to its next step or its end."""
        self._turn.release()
        self._yielded.acquire()


def perform(actors: Sequence[Actor], chance: random.Random) -> None:
    """Run all actors to their end, the next one chosen by `chance` at every step."""
    for actor in actors:
        actor.start()
    while alive := [actor for actor in actors if not actor.ended]:
        chance.choice([actor for actor in alive if actor.ready()]).go_on()
    for actor in actors:
        if actor.error is not None:
            raise actor.error
