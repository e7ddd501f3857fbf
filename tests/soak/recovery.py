"""How long it takes after a fault until everything works again, as users see it."""

import itertools
import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from tests.soak.account import Account
from tests.soak.asking import Asker
from tests.soak.faults import Injected, inject
from tests.soak.pictures import Writer
from tests.soak.plan import Kind
from tests.soak.site import Site
from tests.soak.work import new_seeds, new_text

PROBES = "probe/"
"""The folder of pictures that are put to see when they are found."""
PAUSE_SECONDS, LONG_PAUSE_SECONDS = 0.2, 1.0
PROBES_APART = 3.0
"""How long a picture is looked for before another one is put."""
PATIENCE_SECONDS = 300.0
"""After so long a fault counts as never recovered from."""
PATIENCE_AMID_SECONDS = 1200.0
"""The same for what was put while it was in force: its event may have to be delivered some times."""


@dataclass
class Fault:
    """One fault, in seconds from the soak's beginning, and the seconds from its end until something works.

    Until what was killed answers by itself, where that is known; until a search is answered; until one of the
    pictures is found that are put from then on; and until the one is found that was put while the fault was
    in force. None stands for never.
    """

    kind: Kind
    at: float
    lasted: float
    part_back: float | None = None
    searches: float | None = None
    new_pictures: float | None = None
    pictures_amid: float | None = None

    @property
    def is_over(self) -> bool:
        """Whether everything worked again."""
        return None not in (self.searches, self.new_pictures, self.pictures_amid)


class Recovery:
    """Injects faults one after the other, and waits for the end of each."""

    def __init__(self, site: Site, account: Account, asker: Asker, chance: random.Random) -> None:
        self._site = site
        self._account = account
        self._asker = asker
        self._chance = chance
        self._writer = Writer(library=site.library, ledger=site.ledger)
        self._numbers = itertools.count()
        self._waiting: list[threading.Thread] = []
        self.faults: list[Fault] = []
        self.windows: list[tuple[float, float]] = []
        self._began = time.monotonic()
        self._given_up = threading.Event()

    def go_through(self, kind: Kind) -> Fault:
        """Inject a fault and return it once searches and new pictures work again. Raises FaultError."""
        put: list[str] = []
        injected = inject(kind, self._site, amid=lambda: put.append(self._put()))
        fault = Fault(kind=kind, at=injected.began - self._began, lasted=injected.ended - injected.began)
        self.faults.append(fault)
        if injected.part_back is not None:
            fault.part_back = injected.part_back - injected.ended
        self._wait_in_background(fault, injected, put[0])
        until = injected.ended + PATIENCE_SECONDS
        fault.searches = self._until(until, self._is_searched, since=injected.ended)
        probes: dict[str, int] = {}
        fault.new_pictures = self._until(until, lambda: self._is_found(probes), since=injected.ended)
        self.windows.append((injected.began, time.monotonic()))
        return fault

    def wait(self) -> None:
        """Return once every picture that was put amid a fault is found, or will not be."""
        for thread in self._waiting:
            thread.join()

    def give_up(self) -> None:
        """Wait for no picture any more."""
        self._given_up.set()

    def _put(self) -> str:
        name = f"{PROBES}{next(self._numbers):03}.jpg"
        self._writer.put(name, next(new_seeds))
        self._account.writes["put"] += 1
        return name

    def _is_found(self, probes: dict[str, int]) -> bool:
        """Put one more picture, and tell whether it or one of those before is found within a moment."""
        key = self._site.library.key(self._put())
        seed = self._site.ledger.versions()[key].seed
        assert seed is not None
        probes[key] = seed
        until = time.monotonic() + PROBES_APART
        while time.monotonic() < until:
            if any(self._asker.picture(each, probes[each]) for each in probes):
                return True
            time.sleep(PAUSE_SECONDS)
        return False

    def _is_searched(self) -> bool:
        return self._asker.search("text", {"text": new_text(self._chance)}) is not None

    def _until(
        self, until: float, works: Callable[[], bool], *, since: float, pause: float = PAUSE_SECONDS
    ) -> float | None:
        """Seconds from a moment until this works; None where it does not until another one."""
        while not self._given_up.is_set() and time.monotonic() < until:
            if works():
                return time.monotonic() - since
            time.sleep(pause)
        return None

    def _wait_in_background(self, fault: Fault, injected: Injected, name: str) -> None:
        key = self._site.library.key(name)
        etag = self._site.ledger.versions()[key].etag

        def is_known() -> bool:
            state = self._asker.state(key)[2]
            return state is not None and state.etag == etag

        def wait() -> None:
            with self._account.watching("waiting for a picture"):
                until = injected.ended + PATIENCE_AMID_SECONDS
                fault.pictures_amid = self._until(
                    until, is_known, since=injected.ended, pause=LONG_PAUSE_SECONDS
                )

        self._waiting.append(threading.Thread(target=wait, daemon=True))
        self._waiting[-1].start()
