"""Who may ask the deployed API where it asks for keys, and how often."""

from collections.abc import Iterator
from typing import Any

import boto3
import httpx
import pytest

from imagesearch.entrypoints.openapi import document
from imagesearch.entrypoints.routes import ROUTES, Route
from imagesearch.models import document_id
from scripts.target import LOCAL_CREDENTIALS, Target
from tests.waiting import PATIENCE_SECONDS

IDENTIFIER = document_id("never/uploaded.jpg")

pytestmark = pytest.mark.verified("Keys and throttling of the API", on="emulator")


def _asked(deployment: Target, route: Route, headers: dict[str, str]) -> httpx.Response:
    return httpx.request(
        route.method,
        deployment.url.rstrip("/") + route.path.replace("{id}", IDENTIFIER),
        json={"text": "x"} if route.body else None,
        headers=headers,
        timeout=PATIENCE_SECONDS,
    )


@pytest.mark.parametrize("headers", [{}, {"x-api-key": ""}, {"x-api-key": "of-somebody-else"}], ids=str)
@pytest.mark.parametrize("route", [r for r in ROUTES if r.guarded], ids=lambda route: route.operation)
def test_no_guarded_route_answers_without_a_key(
    deployment: Target, route: Route, headers: dict[str, str]
) -> None:
    response = _asked(deployment, route, headers)

    assert (response.status_code, response.json()["error"]["code"]) == (403, "key_missing")


@pytest.mark.parametrize("route", [r for r in ROUTES if not r.guarded], ids=lambda route: route.operation)
def test_an_open_route_answers_nothing_without_a_signature(deployment: Target, route: Route) -> None:
    response = _asked(deployment, route, {"accept": "image/webp"})

    assert response.status_code in (400, 403)
    assert response.json()["error"]["code"] in ("request_invalid", "link_expired")


def test_a_key_that_asks_too_often_gets_429_with_a_time_to_wait(deployment: Target, hasty_key: str) -> None:
    answers = [
        httpx.get(f"{deployment.url}/health", headers={"x-api-key": hasty_key}, timeout=PATIENCE_SECONDS)
        for _ in range(3)
    ]

    assert answers[0].status_code == 200
    refused = answers[-1]
    assert (refused.status_code, refused.json()["error"]["code"]) == (429, "throttled")
    assert int(refused.headers["retry-after"]) >= 1


def test_the_deployed_api_shows_its_own_document(deployment: Target) -> None:
    response = httpx.get(
        f"{deployment.url}/openapi.json", headers={"x-api-key": deployment.api_key}, timeout=PATIENCE_SECONDS
    )

    assert response.json() == document("key")


@pytest.fixture
def hasty_key(deployment: Target) -> Iterator[str]:
    """A key of its own, which may ask twice at once and then hardly ever."""
    gateway: Any = boto3.client(
        "apigateway",
        endpoint_url=deployment.aws_endpoint_url,
        region_name=deployment.region,
        **LOCAL_CREDENTIALS,
    )
    (api,) = gateway.get_rest_apis()["items"]
    key = gateway.create_api_key(name="hasty", enabled=True)
    plan = gateway.create_usage_plan(
        name="hasty",
        apiStages=[{"apiId": api["id"], "stage": "prod"}],
        throttle={"rateLimit": 0.001, "burstLimit": 2},
    )
    gateway.create_usage_plan_key(usagePlanId=plan["id"], keyId=key["id"], keyType="API_KEY")
    yield key["value"]
    gateway.delete_usage_plan_key(usagePlanId=plan["id"], keyId=key["id"])
    gateway.delete_usage_plan(usagePlanId=plan["id"])
    gateway.delete_api_key(apiKey=key["id"])
