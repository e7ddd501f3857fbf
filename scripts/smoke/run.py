"""One smoke test: a picture goes all the way in, is found, and goes all the way out again."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import Any
from uuid import uuid4

from botocore.exceptions import BotoCoreError
from botocore.exceptions import ClientError as AwsError

from imagesearch_client import ClientError, Hit, ImageSearchClient, ImageState
from scripts.errors import CommandError
from scripts.smoke.picture import random_picture
from scripts.smoke.traces import PREFIX, Traces

POLL_SECONDS = 0.5
_TEXT = "a photograph"
_WEBP = b"RIFF", b"WEBP"


@dataclass(frozen=True, kw_only=True)
class Step:
    """A step that was taken: how long it took, and what it saw, or why it failed."""

    name: str
    seconds: float
    said: str
    code: str | None = None

    @property
    def passed(self) -> bool:
        """Whether it saw what it should."""
        return self.code is None


@dataclass(kw_only=True)
class Report:
    """The steps that were taken; the first failure is the last but for the cleaning up."""

    url: str
    steps: list[Step] = field(default_factory=list)

    @property
    def passed(self) -> bool:
        """Whether every step did."""
        return all(step.passed for step in self.steps)

    def document(self) -> dict[str, Any]:
        """The report as JSON."""
        return {"passed": self.passed, "url": self.url, "steps": [asdict(step) for step in self.steps]}


class Smoke:
    """Tests one deployment through its API, within ``seconds``; ``on_step`` is told each step as it ends.

    Whatever happens, the picture that it puts into the library is removed, an interruption included.
    """

    def __init__(
        self,
        *,
        client: ImageSearchClient,
        traces: Traces,
        seconds: float,
        on_step: Callable[[Step], None] = lambda _: None,
    ) -> None:
        self._client = client
        self._traces = traces
        self._until = time.monotonic() + seconds
        self._on_step = on_step
        self._key = f"{PREFIX}{uuid4().hex}.png"
        self._picture = random_picture()
        self._hit: Hit | None = None

    def run(self, url: str) -> Report:
        """Take every step until one fails, then clean up."""
        report = Report(url=url)
        steps = {
            "health": self._health,
            "search by text": self._search_by_text,
            "upload": self._upload,
            "findable": self._findable,
            "search by picture": self._search_by_picture,
            "thumbnail": self._thumbnail,
            "delete": self._delete,
        }
        try:
            for name, step in steps.items():
                with self._taken(report, name) as taken:
                    self._require_time("the next step has not begun")
                    taken.said = step()
                if not report.passed:
                    break
        finally:
            with self._taken(report, "clean up") as taken:
                taken.said = self._clean_up()
        return report

    def _health(self) -> str:
        health = self._client.health()
        return f"{health.pictures} pictures in {health.index}"

    def _search_by_text(self) -> str:
        result = self._client.search(_TEXT, k=1)
        return f"model {result.model.fingerprint[:12]}, {result.took_ms['total']:.0f} ms"

    def _upload(self) -> str:
        self._client.add(self._picture, key=self._key)
        return self._key

    def _findable(self) -> str:
        state = self._wait("the picture is not findable", lambda: self._client.image(self._key))
        if state.error is not None:
            raise CommandError(state.error.code, f"The picture was rejected: {state.error.message}")
        return f"as {state.id}"

    def _search_by_picture(self) -> str:
        hits = self._client.search(picture=self._picture, k=1).hits
        if not hits or hits[0].key != self._key:
            nearest = f"{hits[0].key} ({hits[0].score:.4f})" if hits else "nothing"
            raise CommandError("smoke_not_found", f"The picture itself should come first, not {nearest}.")
        self._hit = hits[0]
        return f"found first, score {self._hit.score:.4f}"

    def _thumbnail(self) -> str:
        assert self._hit is not None
        picture = self._client.thumbnail(self._hit, size=128)
        if (picture[:4], picture[8:12]) != _WEBP:
            raise CommandError("smoke_no_thumbnail", "What came is no WebP.")
        return f"{len(picture)} bytes"

    def _delete(self) -> str:
        self._traces.s3.delete_object(Bucket=self._traces.images, Key=self._key)
        self._wait("the picture is still findable", self._absent)
        return "no longer findable"

    def _absent(self) -> bool:
        state: ImageState | None = self._client.image(self._key)
        return state is None

    def _clean_up(self) -> str:
        self._traces.remove(self._key)
        forgotten = self._traces.remove_forgotten()
        return f"also {forgotten} pictures of earlier tests" if forgotten else "nothing is left"

    def _wait(self, complaint: str, look: Callable[[], Any]) -> Any:
        """What ``look`` sees once it sees something. Raises CommandError (``smoke_timeout``)."""
        while not (seen := look()):
            self._require_time(f"{complaint}. Look at the ingest function's log and its dead-letter queue")
            time.sleep(POLL_SECONDS)
        return seen

    def _require_time(self, complaint: str) -> None:
        if time.monotonic() > self._until:
            raise CommandError(
                "smoke_timeout", f"The time is over, and {complaint}; or give it longer: --within SECONDS."
            )

    @contextmanager
    def _taken(self, report: Report, name: str) -> Iterator["_Taken"]:
        """Time a step, and write down what it says, or how it fails."""
        taken, started = _Taken(), time.monotonic()
        try:
            yield taken
        except (ClientError, CommandError) as error:
            taken.said, taken.code = error.message, error.code
        except (AwsError, BotoCoreError) as error:
            taken.said, taken.code = str(error), "aws_refused"
        step = Step(name=name, seconds=time.monotonic() - started, said=taken.said, code=taken.code)
        report.steps.append(step)
        self._on_step(step)


@dataclass
class _Taken:
    said: str = ""
    code: str | None = None
