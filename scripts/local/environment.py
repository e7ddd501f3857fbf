"""The local environment as a whole: brought up, looked at, taken down."""

import fcntl
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3.exceptions
import botocore.exceptions
import httpx

from scripts.artifact.catalogue import find_entry
from scripts.errors import CommandError
from scripts.local.deployment import Deployment
from scripts.local.emulator_process import Emulator
from scripts.local.indices import indices_in_use
from scripts.local.model_package import prepare_models
from scripts.local.opensearch import OpenSearch
from scripts.local.processes import write_atomically
from scripts.local.settings import ACCOUNT, REGION, LocalSettings
from scripts.local.steps import Say, download_progress, print_line, step
from scripts.local.web_process import WebPage
from scripts.target import local_credentials

DEFAULT_MODELS = ("demo",)
DEFAULT_AUTHORISATION = "key"
HEALTH_SECONDS = 60.0
"""How long the first request may take: a function's cold start, on a busy machine."""


@dataclass(frozen=True, kw_only=True)
class LocalEnvironment:
    """What a client needs to use the running environment; kept in ``environment.json``."""

    api_url: str
    authorisation: str
    image_bucket: str
    artifact_bucket: str
    bulk_state_machine: str
    aws_endpoint_url: str
    opensearch_url: str
    region: str
    account: str
    models: tuple[str, ...]
    page_url: str | None = None
    api_key: str | None = None
    token_url: str | None = None
    client_id: str | None = None
    client_secret: str | None = None

    @property
    def credentials(self) -> httpx.Auth:
        """What calls the API."""
        return local_credentials(asdict(self))

    @property
    def page_address(self) -> str | None:
        """The page's address with the key behind `#`, which browsers send to nobody."""
        return f"{self.page_url}#key={self.api_key}" if self.page_url and self.api_key else self.page_url


@dataclass(frozen=True, kw_only=True)
class PartStatus:
    """One part: ``health`` is what it says of itself, None when it does not answer."""

    name: str
    running: bool
    pid: int | None
    url: str
    health: str | None


def up(
    models: Sequence[str] = (),
    *,
    authorisation: str | None = None,
    settings: LocalSettings | None = None,
    say: Say = print_line,
) -> LocalEnvironment:
    """Bring the environment to the present sources and ``models``; what runs already is updated, not doubled.

    Without ``models`` it keeps those that it runs with, and without ``authorisation`` what its API asks of
    callers. A new index is made for the first model. ``say`` is told each finished step. When it fails or is
    interrupted, what it had started is ended again.
    """
    settings = settings or LocalSettings.from_environment()
    for model in models:
        find_entry(model)
    with _alone(settings.directory):
        asked = authorisation or authorisation_running(settings)
        return _Up(settings, say, asked).run(tuple(dict.fromkeys(models)) or models_running(settings))


def models_running(settings: LocalSettings) -> tuple[str, ...]:
    """The models that the running environment was brought up with; the default ones when none runs."""
    return tuple(_running(settings).get("models", DEFAULT_MODELS))


def authorisation_running(settings: LocalSettings) -> str:
    """What the running environment's API asks of callers; the default when none runs."""
    return str(_running(settings).get("authorisation", DEFAULT_AUTHORISATION))


def _running(settings: LocalSettings) -> Mapping[str, Any]:
    """What the running environment says of itself; nothing when none runs."""
    path = settings.directory / "environment.json"
    if Emulator(settings).running() is None or not path.exists():
        return {}
    written: dict[str, Any] = json.loads(path.read_text())
    return written


def down(*, settings: LocalSettings | None = None) -> list[str]:
    """End every process of the environment, also those that a crash left; the names of the parts that ran."""
    settings = settings or LocalSettings.from_environment()
    with _alone(settings.directory):
        (settings.directory / "environment.json").unlink(missing_ok=True)
        parts = {"emulator": Emulator(settings).stop, "opensearch": OpenSearch(settings).forget}
        parts["web"] = WebPage(settings).stop
        return [name for name, stop in parts.items() if stop()]


def status(*, settings: LocalSettings | None = None) -> list[PartStatus]:
    """How OpenSearch, the emulator, the page and each model endpoint are."""
    settings = settings or LocalSettings.from_environment()
    search, emulator = OpenSearch(settings), Emulator(settings)
    health, process = search.health(), emulator.running()
    answers = process is not None and emulator.is_healthy()
    pid = search.pid()
    return [
        PartStatus(name="opensearch", running=bool(pid or health), pid=pid, url=search.url, health=health),
        PartStatus(
            name="emulator",
            running=process is not None,
            pid=process.pid if process else None,
            url=settings.emulator_url,
            health="ok" if answers else None,
        ),
        *_page_status(settings),
        *(_endpoint_statuses(settings) if answers else []),
    ]


def _page_status(settings: LocalSettings) -> Iterator[PartStatus]:
    page = WebPage(settings)
    process = page.running()
    if process is None and _has_no_page(settings):
        return
    health = "ok" if page.is_healthy() else None
    pid = process.pid if process else None
    yield PartStatus(name="web", running=process is not None, pid=pid, url=page.url, health=health)


def _has_no_page(settings: LocalSettings) -> bool:
    """Whether an environment runs whose API asks for what no page can give."""
    path = settings.directory / "environment.json"
    return path.exists() and json.loads(path.read_text()).get("page_url") is None


def _endpoint_statuses(settings: LocalSettings) -> Iterator[PartStatus]:
    for name, health in Deployment(settings, print_line).endpoints().items():
        url = f"{settings.emulator_url}/endpoints/{name}/invocations"
        yield PartStatus(name=name, running=health == "InService", pid=None, url=url, health=health)


class _Up:
    """One run of ``up``."""

    def __init__(self, settings: LocalSettings, say: Say, authorisation: str) -> None:
        self._settings = settings
        self._authorisation = authorisation
        self._say = say
        self._search = OpenSearch(settings)
        self._emulator = Emulator(settings)
        self._page = WebPage(settings)
        self._deployment = Deployment(settings, say, authorisation=authorisation)

    def run(self, models: Sequence[str]) -> LocalEnvironment:
        """Everything in order; OpenSearch, the emulator and the models are prepared side by side."""
        starting = [] if self._search.pid() else [self._search.stop]
        starting += [] if self._emulator.running() else [self._emulator.stop]
        starting += [] if self._page.running() else [self._page.stop]
        try:
            return self._bring_up(models)
        except (boto3.exceptions.Boto3Error, botocore.exceptions.BotoCoreError) as error:
            _call_all(starting)
            raise CommandError("emulator_failed", f"The emulator refused: {error}.") from error
        except BaseException:
            _call_all(starting)
            raise

    def _bring_up(self, models: Sequence[str]) -> LocalEnvironment:
        # Without the emulator's state the documents of OpenSearch describe pictures that are gone.
        is_fresh = self._emulator.running() is None
        self._search.require_port()
        self._emulator.require_port()
        self._page.require_port()
        address = self._search.address
        with ThreadPoolExecutor(2) as pool:
            searching = pool.submit(self._start_search, fresh=is_fresh)
            emulating = pool.submit(self._start_emulator, address)
            try:
                packaged = prepare_models(models, self._say)
                if not is_fresh:
                    searching.result()
                    self._deployment.require_served(indices_in_use(self._search.url), packaged)
                is_current = not is_fresh and self._deployment.is_current(packaged)
                if not is_current:
                    self._deployment.synthesize(packaged)
                for part in (searching, emulating):
                    part.result()
            except BaseException:
                # Their threads end once what they wait for has ended.
                _call_all([self._search.stop, self._emulator.stop] if is_fresh else [])
                raise
        if not is_current:
            self._deployment.deploy(packaged)
        environment = self._describe(models)
        with step(self._say, "API answers"):
            _require_health(environment, self._settings)
        self._serve_page(self._deployment.outputs().get("PageUrl"), is_current=is_current)
        self._write(environment)
        return environment

    def _serve_page(self, address: str | None, *, is_current: bool) -> None:
        if address is None:
            self._page.stop()
        elif not (is_current and self._page.is_healthy()):
            with step(self._say, f"Page at {self._page.url}"):
                self._page.start(address)

    def _start_search(self, *, fresh: bool) -> None:
        with step(self._say, f"OpenSearch at {self._search.url}"):
            self._search.start(fresh=fresh, on_progress=download_progress(self._say))

    def _start_emulator(self, address: str) -> None:
        with step(self._say, f"AWS emulator at {self._settings.emulator_url}"):
            self._emulator.start(opensearch_address=address)
        self._deployment.bootstrap()

    def _describe(self, models: Sequence[str]) -> LocalEnvironment:
        outputs = self._deployment.outputs()
        # The output's URL is that of AWS; the emulator serves the same stage on its own port.
        stage = urlsplit(outputs["ApiUrl"]).path.strip("/").split("/")[-1]
        api = f"{self._settings.emulator_url}/restapis/{outputs['ApiId']}/{stage}/_user_request_"
        return LocalEnvironment(
            api_url=api,
            authorisation=self._authorisation,
            **self._deployment.credentials(),
            image_bucket=outputs["ImageBucketName"],
            artifact_bucket=outputs["ArtifactBucketName"],
            bulk_state_machine=outputs["BulkStateMachineArn"],
            aws_endpoint_url=self._settings.emulator_url,
            opensearch_url=self._search.url,
            region=REGION,
            account=ACCOUNT,
            models=tuple(models),
            page_url=self._page.url if "PageUrl" in outputs else None,
        )

    def _write(self, environment: LocalEnvironment) -> None:
        path = self._settings.directory / "environment.json"
        write_atomically(path, json.dumps(asdict(environment), indent=2) + "\n")


def _require_health(environment: LocalEnvironment, settings: LocalSettings) -> None:
    """Ask the deployed API once, through everything that a query passes but the model."""
    try:
        answer = httpx.get(
            f"{environment.api_url}/health",
            auth=environment.credentials,
            timeout=HEALTH_SECONDS,
            trust_env=False,
            verify=settings.verify,
        )
    except httpx.HTTPError as error:
        raise CommandError("api_silent", f"The deployed API does not answer: {error}.") from error
    if not answer.is_success:
        raise CommandError("api_unhealthy", f"The deployed API says {answer.status_code}: {answer.text}")


def _call_all(functions: list[Callable[[], bool]]) -> None:
    for function in functions:
        function()


@contextmanager
def _alone(directory: Path) -> Iterator[None]:
    """Hold the environment's lock, or say that another command holds it."""
    directory.mkdir(parents=True, exist_ok=True)
    with (directory / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise CommandError(
                "environment_busy", "Another `imagesearch local` command is running: wait until it has ended."
            ) from error
        yield
