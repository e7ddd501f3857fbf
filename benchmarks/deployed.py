"""The local environment for one measurement, with a library in its bucket that ingest was told nothing of."""

import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3

from benchmarks.photographs import find_photographs
from scripts.local.environment import LocalEnvironment, down, up
from scripts.local.ports import free_port
from scripts.local.settings import LocalSettings
from scripts.render import complaints
from scripts.target import LOCAL_CREDENTIALS

MODELS = ("demo",)
EMULATOR_PORT, WEB_PORT, OPENSEARCH_PORT, MODEL_SERVER_PORT = 20_000, 23_000, 26_000, 29_000
"""Where free ports are looked for."""
AT_ONCE = 500
_UPLOADERS = 8


@dataclass(frozen=True, kw_only=True)
class Deployed:
    """The running environment and where its state lies."""

    settings: LocalSettings
    environment: LocalEnvironment

    def client(self, service: str) -> Any:
        """Return a client of one of the emulator's services."""
        session = boto3.Session(region_name=self.environment.region, **LOCAL_CREDENTIALS)
        return session.client(service, endpoint_url=self.environment.aws_endpoint_url)  # type: ignore[call-overload]

    def fill(
        self,
        count: int,
        *,
        uploaded: Callable[[str], None],
        picture: Callable[[int], bytes] | None = None,
    ) -> None:
        """Put `count` pictures into the image bucket; `uploaded` is called before every AT_ONCE of them.

        `picture` gives the JPEG of a number; else they are photographs that differ in their bytes only.

        The rule that tells ingest of new pictures is switched off before, and stays so: they would all be
        embedded one by one, and the bulk run would find nothing to do.
        """
        self._silence_ingest()
        s3, bucket = self.client("s3"), self.environment.image_bucket
        content = picture or find_photographs().picture

        def put(number: int) -> None:
            body = content(number)
            s3.put_object(Bucket=bucket, Key=key_of(number), Body=body, ContentType="image/jpeg")

        with ThreadPoolExecutor(_UPLOADERS) as uploaders:
            for first in range(0, count, AT_ONCE):
                uploaded(f"{first} of {count} pictures uploaded")
                list(uploaders.map(put, range(first, min(count, first + AT_ONCE))))

    def _silence_ingest(self) -> None:
        events = self.client("events")
        rules = events.list_rules()["Rules"]
        listening = [rule for rule in rules if self.environment.image_bucket in rule.get("EventPattern", "")]
        if not listening:
            raise LookupError(f"no rule listens to the bucket {self.environment.image_bucket}")
        for rule in listening:
            events.disable_rule(Name=rule["Name"])


def key_of(number: int) -> str:
    """Return the key of the picture of this number."""
    return f"library/{number:09}.jpg"


@contextmanager
def deployed() -> Iterator[Deployed]:
    """Deploy the local environment with a directory and ports of its own, and end it after the block."""
    with tempfile.TemporaryDirectory(prefix="imagesearch-bench-") as folder:
        settings = LocalSettings(
            directory=Path(folder) / "local",
            emulator_port=free_port(EMULATOR_PORT),
            opensearch_port=free_port(OPENSEARCH_PORT),
            model_server_port=free_port(MODEL_SERVER_PORT),
            web_port=free_port(WEB_PORT),
        )
        try:
            environment = up(MODELS, settings=settings, say=lambda line: complaints.print(line, style="dim"))
            yield Deployed(settings=settings, environment=environment)
        finally:
            down(settings=settings)
