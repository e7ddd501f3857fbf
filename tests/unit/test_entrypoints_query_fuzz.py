"""The query function under requests made up from its OpenAPI document, on in-memory parts."""

from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
import requests
import schemathesis
from hypothesis import given

from imagesearch.filters import fields_of
from imagesearch.models import document_id
from tests.builders import ATTRIBUTES
from tests.fuzzing import CHECKS, api_description, budget, put_real_values, sound_searches
from tests.query_api import PICTURES, Api, described_answer, proxy_event

API = api_description().exclude(path="/thumbnails/{id}")
KEY = {"x-api-key": "any"}

pytestmark = pytest.mark.fuzz


@API.parametrize()
@budget(60)
def test_every_answer_is_as_the_document_says(case: schemathesis.Case[Any], api: Api) -> None:
    put_real_values(case, document_id=document_id("a/2.png"), picture=PICTURES["a/2.png"])
    request = _prepared(case)
    response = described_answer(api.answer(_event(request)), request)
    case.validate_response(response, checks=CHECKS, headers=KEY)


@given(request=sound_searches(fields_of(ATTRIBUTES)))
@budget(150)
def test_a_sound_search_is_answered_page_by_page(request: dict[str, Any], api: Api) -> None:
    page = api.search(**request)
    assert page.status == 200, page.body
    for _ in range(len(PICTURES)):
        if "cursor" in page.body:
            page = api.search(**request, cursor=page.body["cursor"])
            assert page.status == 200, page.body
    assert "cursor" not in page.body


def _prepared(case: schemathesis.Case[Any]) -> requests.PreparedRequest:
    taken = ("method", "url", "headers", "params", "data", "json", "files", "cookies")
    given = case.as_transport_kwargs(base_url="http://api", headers=KEY)
    return requests.Request(**{name: value for name, value in given.items() if name in taken}).prepare()


def _event(request: requests.PreparedRequest) -> dict[str, object]:
    assert request.url is not None
    assert request.method is not None
    url = urlsplit(request.url)
    body = request.body.encode() if isinstance(request.body, str) else request.body
    return proxy_event(
        request.method,
        unquote(url.path),
        body=body or None,
        content_type=request.headers.get("content-type"),
        query=parse_qs(url.query, keep_blank_values=True),
    )
