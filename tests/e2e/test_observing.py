"""What is seen of the deployed environment from behind: the canary, and one id in every log."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import httpx
import pytest

from scripts.target import LOCAL_CREDENTIALS, Target
from tests.e2e.canary import canary_answer
from tests.e2e.house import House
from tests.e2e.library import Library
from tests.pictures import jpeg
from tests.waiting import PATIENCE_SECONDS, wait_for


class Logs:
    """What the functions of the environment have logged."""

    def __init__(self, deployment: Target) -> None:
        self._client: Any = boto3.client(
            "logs",
            endpoint_url=deployment.aws_endpoint_url,
            region_name=deployment.region,
            **LOCAL_CREDENTIALS,
        )

    def of(self, function: str, **named: str) -> list[dict[str, Any]]:
        """Return the lines of a function that hold these names with these values."""
        group = f"/aws/lambda/imagesearch-local-{function}"
        pages = self._client.get_paginator("filter_log_events").paginate(logGroupName=group)
        written = (event["message"].strip() for page in pages for event in page["events"])
        lines = [json.loads(line) for line in written if line.startswith("{")]
        return [line for line in lines if named.items() <= line.items()]


@pytest.fixture
def logs(deployment: Target) -> Logs:
    return Logs(deployment)


@pytest.fixture
def slow_searches(house: House) -> Iterator[None]:
    """OpenSearch logs every search as a slow one, until the test ends."""

    def log_above(milliseconds: int) -> None:
        threshold = {"index.search.slowlog.threshold.query.info": f"{milliseconds}ms"}
        httpx.put(
            f"{house.opensearch}/images/_settings", json=threshold, timeout=PATIENCE_SECONDS
        ).raise_for_status()

    log_above(0)
    yield
    log_above(-1)


@pytest.mark.verified("The canary, with the API's own key", on="emulator")
def test_the_canary_searches_the_deployed_api_with_its_own_key(deployment: Target, logs: Logs) -> None:
    functions: Any = boto3.client(
        "lambda",
        endpoint_url=deployment.aws_endpoint_url,
        region_name=deployment.region,
        **LOCAL_CREDENTIALS,
    )
    answer = canary_answer(functions, event_id="asked-by-a-test")

    assert answer["answered"] is True, logs.of("canary")
    assert 0 < answer["seconds"] < 60
    assert len(logs.of("canary", event_id="asked-by-a-test", message="answered")) == 1


def _searched(deployment: Target, content_type: str, body: bytes) -> httpx.Response:
    headers = {"x-api-key": str(deployment.api_key), "content-type": content_type}
    url = f"{deployment.url.rstrip('/')}/search"
    return httpx.post(url, content=body, headers=headers, timeout=PATIENCE_SECONDS)


@pytest.mark.verified("One request's id in the logs of function, index and model", on="genuine part")
@pytest.mark.usefixtures("slow_searches")
def test_a_searchs_id_is_in_the_log_of_the_function_and_of_opensearch(
    deployment: Target, house: House, logs: Logs
) -> None:
    answer = _searched(deployment, "application/json", b'{"text": "a search to be found again"}')

    identifier = answer.headers["x-request-id"]
    assert [line["status"] for line in logs.of("query", request_id=identifier, message="answered")] == [200]
    opensearch = house.settings.directory / "logs" / "opensearch.log"
    _wait_for_text(f"id[{identifier}]", opensearch)


@pytest.mark.verified("One request's id in the logs of function, index and model", on="genuine part")
def test_a_refused_pictures_id_is_in_the_log_of_the_models_container(
    deployment: Target, house: House, logs: Logs
) -> None:
    answer = _searched(deployment, "image/jpeg", jpeg()[:200])

    identifier = answer.json()["request_id"]
    (line,) = logs.of("query", request_id=identifier, message="refused")
    assert line["code"] == "picture_corrupt"
    written = (house.settings.directory / "emulator" / "endpoints").rglob("server.log")
    _wait_for_text(f"refused: picture_corrupt (request {identifier})", *written)


def _wait_for_text(text: str, *files: Path) -> None:
    wait_for(lambda: any(text in file.read_text(errors="replace") for file in files) or None, text)


@pytest.mark.verified("An event's id and key in the log of ingest", on="emulator")
def test_what_became_of_a_picture_is_in_the_log_with_its_event(library: Library, logs: Logs) -> None:
    library.put("seen.jpg", jpeg(seed=7))
    library.wait_until_indexed("seen.jpg")

    (line,) = logs.of("ingest", key=library.key("seen.jpg"), outcome="indexed")
    assert line["event_id"]
    assert line["sequencer"]
