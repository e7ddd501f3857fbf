"""The environment of a soak: deployed for it alone, its functions' ways to others through links of ours."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import httpx

from scripts.local.settings import LocalSettings
from scripts.target import LOCAL_CREDENTIALS, Target, client_of
from stacks import names
from stacks.settings import LOCAL
from tests.deployed import deployed, own_command
from tests.e2e.command import Command
from tests.e2e.house import House
from tests.e2e.library import Library
from tests.soak.ledger import Ledger
from tests.soak.link import Link

SETTLE_SECONDS = LOCAL.ingest.timeout_seconds + 10.0
"""The ingest function's time, and what may still be on its way to the index after it."""
SEARCH_VARIABLE, MODEL_VARIABLE = "SEARCH_ENDPOINT", "AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME"
MODEL_USER = "ENDPOINT_PREFIX"
"""A variable that only functions have that ask models."""


@dataclass(frozen=True, kw_only=True)
class Site:
    """All that writers, searchers and faults work on; ``stop`` ends them."""

    imagesearch: Command
    target: Target
    house: House
    library: Library
    ledger: Ledger
    opensearch: Link
    model: Link
    sqs: Any
    stop: threading.Event

    def http(self) -> httpx.Client:
        """A client of the API that shows every answer as it came."""
        # Longer than the API itself may take: whoever gets no answer by then will get none.
        return httpx.Client(auth=self.target.credentials, timeout=40.0, trust_env=False)

    def waiting(self) -> int:
        """How many events wait in the queue or are being handled."""
        counts = self._counts(names.ingest_queue(LOCAL))
        return sum(int(counts[name]) for name in counts)

    def dead_letters(self) -> int:
        """How many events were given up."""
        counts = self._counts(names.dead_letters(LOCAL))
        return sum(int(counts[name]) for name in counts)

    def _counts(self, queue: str) -> dict[str, str]:
        wanted = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        url = self.sqs.get_queue_url(QueueName=queue)["QueueUrl"]
        counts: dict[str, str] = self.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=wanted)[
            "Attributes"
        ]
        return counts


@contextmanager
def opened(directory: Path, stop: threading.Event) -> Iterator[Site]:
    """A site whose state lies in ``directory``; everything is ended after the block."""
    imagesearch = own_command(directory)
    settings = LocalSettings.from_environment(imagesearch.variables)
    with deployed(imagesearch) as target, ExitStack() as stack:
        opensearch = stack.enter_context(Link(settings.opensearch_port))
        model = stack.enter_context(Link(settings.emulator_port))
        redirect(
            _aws(target, "lambda"),
            {SEARCH_VARIABLE: f"http://{opensearch.address}"},
            having=SEARCH_VARIABLE,
        )
        redirect(_aws(target, "lambda"), {MODEL_VARIABLE: f"http://{model.address}"}, having=MODEL_USER)
        client = stack.enter_context(client_of(target))
        yield Site(
            imagesearch=imagesearch,
            target=target,
            house=House(
                settings=settings,
                s3=target.s3(),
                events=_aws(target, "events"),
                bucket=target.artifact_bucket(),
            ),
            library=Library(client=client, s3=target.s3(), bucket=target.image_bucket(), prefix="soak/"),
            ledger=Ledger(settle_seconds=SETTLE_SECONDS),
            opensearch=opensearch,
            model=model,
            sqs=_aws(target, "sqs"),
            stop=stop,
        )


def redirect(functions: Any, variables: dict[str, str], *, having: str) -> Sequence[str]:
    """Give these variables to every function that has the variable ``having``; the functions' names."""
    changed = []
    for page in functions.get_paginator("list_functions").paginate():
        for function in page["Functions"]:
            present = function.get("Environment", {}).get("Variables", {})
            if having in present:
                name = function["FunctionName"]
                functions.update_function_configuration(
                    FunctionName=name, Environment={"Variables": {**present, **variables}}
                )
                functions.get_waiter("function_updated_v2").wait(FunctionName=name)
                changed.append(name)
    assert changed, f"no function has the variable {having}"
    return changed


def _aws(target: Target, service: str) -> Any:
    session = boto3.Session(region_name=target.region, **LOCAL_CREDENTIALS)
    return session.client(service, endpoint_url=target.aws_endpoint_url)  # type: ignore[call-overload]
