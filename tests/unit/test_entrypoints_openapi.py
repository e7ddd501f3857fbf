"""The OpenAPI document: current, valid, and told from the same table that answers."""

import json
from pathlib import Path
from typing import Any, get_args
from urllib.parse import parse_qs, urlsplit

import pytest
from botocore.credentials import Credentials

from imagesearch.adapters.s3_links import BucketAddress, LinkSigner
from imagesearch.entrypoints import request_types
from imagesearch.entrypoints.openapi import CREDENTIAL_ERRORS, SCHEMES, document
from imagesearch.entrypoints.rendering import STATUS
from imagesearch.entrypoints.requests import MAX_PICTURES
from imagesearch.entrypoints.routes import ROUTES, Route
from imagesearch.filters import FIELDS
from imagesearch.settings import Authorisation
from imagesearch.thumbnails import SIZES
from tests.query_api import Api, described, proxy_event

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "openapi.json"


def _operation(route: Route) -> dict[str, Any]:
    operation: dict[str, Any] = document()["paths"][route.path][route.method.lower()]
    return operation


def test_the_document_in_docs_is_the_one_that_is_served() -> None:
    assert json.loads(DOCUMENT.read_text(encoding="utf-8")) == document(), "run `make docs`"


def test_the_document_is_valid_openapi() -> None:
    described().validate()


def test_every_route_is_told_once() -> None:
    told = {(path, method) for path, methods in document()["paths"].items() for method in methods}
    assert told == {(route.path, route.method.lower()) for route in ROUTES}
    assert len({route.operation for route in ROUTES}) == len(ROUTES)


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.operation)
def test_every_error_of_a_route_is_told_with_its_status(route: Route) -> None:
    answers = _operation(route)["responses"]
    for kind in route.errors:
        codes = answers[str(int(STATUS[kind]))]["content"]["application/json"]["schema"]["allOf"][1]
        assert kind.code in codes["properties"]["error"]["properties"]["code"]["enum"]


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.operation)
def test_a_route_tells_whether_it_asks_who_calls(route: Route) -> None:
    asked = _operation(route).get("security", document()["security"])
    assert asked == ([{"key": []}, {"iam": []}, {"cognito": []}] if route.guarded else [])


@pytest.mark.parametrize("way", get_args(Authorisation))
def test_an_environment_tells_of_what_it_asks_for_itself_and_of_nothing_else(way: Authorisation) -> None:
    told = document(way)

    assert told["security"] == [{way: []}]
    assert told["components"]["securitySchemes"].keys() == {way}
    answers = told["paths"]["/search"]["post"]["responses"]
    codes = {code for answer in answers.values() for code in _codes(answer)}
    others = {code for other in SCHEMES if other != way for _, code, _ in CREDENTIAL_ERRORS[other]}
    assert {code for _, code, _ in CREDENTIAL_ERRORS[way]} <= codes
    assert not others & codes


def test_an_open_route_knows_no_missing_credentials() -> None:
    answers = document()["paths"]["/thumbnails/{id}"]["get"]["responses"]
    codes = {code for answer in answers.values() for code in _codes(answer)}

    assert not codes & {code for errors in CREDENTIAL_ERRORS.values() for _, code, _ in errors}


def _codes(answer: dict[str, Any]) -> list[str]:
    if "schema" not in (content := answer["content"].get("application/json", {})):
        return []
    parts = content["schema"].get("allOf", [])
    return [code for part in parts[1:] for code in part["properties"]["error"]["properties"]["code"]["enum"]]


def test_pictures_may_be_sent_as_every_type_that_is_taken() -> None:
    body = document()["paths"]["/search"]["post"]["requestBody"]["content"]
    assert body.keys() == {"application/json", *request_types.PICTURE_TYPES}


def test_nothing_in_requests_and_answers_may_be_null() -> None:
    assert '"null"' not in json.dumps(document())


def test_limits_that_the_descriptions_name_are_those_that_are_kept() -> None:
    schemas = document()["components"]["schemas"]
    assert f"{request_types.MAX_EXAMPLES} examples" in schemas["SearchRequest"]["description"]
    assert f"{MAX_PICTURES} of them pictures" in schemas["SearchRequest"]["description"]
    assert all(name in schemas["FilterInput"]["description"] for name in FIELDS)


def test_thumbnails_are_offered_in_the_sizes_that_are_made() -> None:
    parameters = document()["paths"]["/thumbnails/{id}"]["get"]["parameters"]
    (size,) = [each for each in parameters if each["name"] == "size"]
    assert size["schema"]["enum"] == list(SIZES)


def test_a_thumbnails_address_is_told_whole() -> None:
    address = BucketAddress(base="https://pictures.example/", region="eu-central-1")
    link = LinkSigner(address, Credentials("key", "secret", "token")).links("a.jpg", ttl_seconds=60)
    told = document()["paths"]["/thumbnails/{id}"]["get"]["parameters"]
    assert parse_qs(urlsplit(link.thumbnail_url).query).keys() | {"id"} == {each["name"] for each in told}


def test_every_example_of_the_document_is_understood(api: Api) -> None:
    for path in ("/search", "/uploads"):
        content = document()["paths"][path]["post"]["requestBody"]["content"]["application/json"]
        for name, example in content["examples"].items():
            answer = api.answer(proxy_event("POST", path, body=json.dumps(example["value"])))
            refused = json.loads(answer["body"]).get("error", {}).get("code")
            assert refused in (None, "image_unknown", "upload_unknown", "source_too_large"), name
