"""The deployed API under requests made up from its OpenAPI document."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import given
from hypothesis import strategies as st

from imagesearch.filters import fields_of
from imagesearch.metadata import Attributes
from imagesearch.models import document_id
from imagesearch_client import ImageSearchClient
from scripts.target import Target
from tests.e2e.library import Library
from tests.fuzzing import CHECKS, api_description, budget, put_real_values, sound_searches
from tests.pictures import jpeg
from tests.waiting import PATIENCE_SECONDS

API = api_description()
# What the document's bounds suggest is tried on the function itself, faster than through the gateway.
API.config.phases.coverage.enabled = False

pytestmark = [
    pytest.mark.fuzz,
    pytest.mark.verified("Every answer is as the OpenAPI document says, whatever is asked", on="emulator"),
]


@pytest.fixture(scope="module")
def indexed(deployment: Target, client: ImageSearchClient) -> str:
    """The id of one of three pictures that can be found; all that is asked behind the API is awake."""
    library = Library(client=client, s3=deployment.s3(), bucket=deployment.image_bucket(), prefix="fuzz/")
    names = [f"{number}.jpg" for number in range(3)]
    for number, name in enumerate(names):
        library.put(name, jpeg(seed=number))
    library.wait_until_indexed(*names)
    client.search("anything", prefix=library.prefix)
    return document_id(library.key(names[0]))


@API.parametrize()
@budget(150)
def test_every_answer_is_as_the_document_says(
    case: schemathesis.Case[Any], deployment: Target, indexed: str
) -> None:
    put_real_values(case, document_id=indexed, picture=jpeg())
    key = {"x-api-key": deployment.api_key}
    case.validate_response(case.call(base_url=deployment.url, headers=key), checks=CHECKS, headers=key)


@given(data=st.data())
@budget(150)
def test_a_sound_search_is_answered_page_by_page(
    data: st.DataObject, api: httpx.Client, indexed: str, attributes: Attributes
) -> None:
    request = {**data.draw(sound_searches(fields_of(attributes))), "k": 1}
    for _ in range(3):
        page = api.post("search", json=request)
        assert page.status_code == 200, page.text
        if "cursor" not in page.json():
            break
        request["cursor"] = page.json()["cursor"]


@pytest.fixture(scope="module")
def api(deployment: Target) -> Iterator[httpx.Client]:
    """The API as it is, without the client's retries."""
    headers = {"x-api-key": deployment.api_key}
    with httpx.Client(base_url=deployment.url, headers=headers, timeout=PATIENCE_SECONDS) as api:
        yield api


@pytest.fixture(scope="module")
def attributes(api: httpx.Client) -> Attributes:
    """The attributes that the deployment declares."""
    declared: Attributes = api.get("health").json()["attributes"]
    return declared
