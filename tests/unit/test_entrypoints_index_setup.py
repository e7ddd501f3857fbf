"""The function behind the custom resources in the domain, on in-memory parts."""

from typing import Any

import pytest
from aws_lambda_powertools.utilities.typing import LambdaContext

from imagesearch.access import Admission
from imagesearch.adapters.in_memory_access import InMemoryAccessControl
from imagesearch.adapters.in_memory_index import InMemoryVectorIndex
from imagesearch.entrypoints.index_setup import Handler, build_handler
from imagesearch.entrypoints.wiring import IndexSetupParts
from imagesearch.errors import (
    EventInvalidError,
    IndexMissingError,
    InternalError,
    SearchDeniedError,
    SearchRefusedError,
    SearchUnavailableError,
)
from imagesearch.index_setup import IndexSetup
from imagesearch.metadata import Attributes
from imagesearch.models import IndexInfo
from tests.builders import FINGERPRINT, OTHER_FINGERPRINT, an_image, embedded

PROPERTIES = {"ServiceToken": "arn", "Fingerprint": FINGERPRINT, "Dimension": "4", "Attributes": "{}"}
QUERY_ROLE, OTHER_ROLE = "arn:aws:iam::1:role/query", "arn:aws:iam::1:role/another"


class Context(LambdaContext):
    """A context with five minutes left."""

    def get_remaining_time_in_millis(self) -> int:  # type: ignore[override]
        return 300_000


class Starting(InMemoryVectorIndex):
    """An index whose domain does not answer the first times."""

    def __init__(self, *, failures: int, error: Exception | None = None) -> None:
        super().__init__()
        self.failures = failures
        self._error = error or SearchUnavailableError("Not yet.", retry_after=5)

    def put_template(self, *, shards: int, replicas: int) -> None:
        if self.failures:
            self.failures -= 1
            raise self._error


def _handler(
    index: InMemoryVectorIndex,
    pauses: list[float] | None = None,
    *,
    access: InMemoryAccessControl | None = None,
    asked: list[Attributes] | None = None,
) -> Handler:
    def setup(attributes: Attributes) -> IndexSetup:
        (asked if asked is not None else list[Attributes]()).append(attributes)
        return IndexSetup(administration=index, alias="images", space="cosinesimil", shards=1, replicas=0)

    parts = IndexSetupParts(setup=setup, access=access or InMemoryAccessControl(), alias="images")
    return build_handler(lambda: parts, pause=(pauses if pauses is not None else list[float]()).append)


def _event(kind: str, **properties: str) -> dict[str, Any]:
    event: dict[str, Any] = {
        "RequestType": kind,
        "ResourceType": "Custom::SearchIndex",
        "ResourceProperties": PROPERTIES | properties,
    }
    return event if kind == "Create" else event | {"PhysicalResourceId": "images"}


def test_creation_makes_the_first_index_of_the_model_and_points_the_alias_at_it() -> None:
    index = InMemoryVectorIndex()
    name = "images-5e5e5e5e5e5e-1"
    answer = _handler(index)(_event("Create"), Context())
    assert answer == {"PhysicalResourceId": "images", "Data": {"Index": name, "Fingerprint": FINGERPRINT}}
    assert index.active() == IndexInfo(name=name, fingerprint=FINGERPRINT, dimension=4, space="cosinesimil")


def test_repeating_creation_and_update_keeps_every_document() -> None:
    index = InMemoryVectorIndex()
    handler = _handler(index)
    handler(_event("Create"), Context())
    index.put_image(index.active().name, embedded(an_image("a"), (1.0, 0.0, 0.0, 0.0)))
    for kind in ("Create", "Update", "Update"):
        handler(_event(kind), Context())
    assert index.count(index.active().name) == 1


def test_an_update_to_another_model_leaves_a_filled_index_active() -> None:
    index = InMemoryVectorIndex()
    handler = _handler(index)
    handler(_event("Create"), Context())
    index.put_image(index.active().name, embedded(an_image("a"), (1.0, 0.0, 0.0, 0.0)))
    answer = handler(_event("Update", Fingerprint=OTHER_FINGERPRINT), Context())
    assert answer["Data"]["Fingerprint"] == FINGERPRINT
    assert index.active().fingerprint == FINGERPRINT


@pytest.mark.parametrize("fingerprint", [FINGERPRINT, OTHER_FINGERPRINT])
def test_an_update_lets_the_index_that_stays_active_take_new_attributes(fingerprint: str) -> None:
    declared = list[str]()

    class Declaring(InMemoryVectorIndex):
        def declare_attributes(self, index: str) -> None:
            declared.append(index)

    index = Declaring()
    handler = _handler(index)
    handler(_event("Create"), Context())
    assert declared == []
    index.put_image(index.active().name, embedded(an_image("a"), (1.0, 0.0, 0.0, 0.0)))
    handler(_event("Update", Fingerprint=fingerprint, Attributes="{}"), Context())
    assert declared == [index.active().name]


def test_the_attributes_are_those_that_the_event_brings() -> None:
    asked = list[Attributes]()
    handler = _handler(InMemoryVectorIndex(), asked=asked)
    handler(_event("Create", Attributes='{"price": "number"}'), Context())
    handler(_event("Update", Attributes='{"price": "number", "brand": "keyword"}'), Context())
    # A deployment that is rolled back sends what was before.
    handler(_event("Update", Attributes='{"price": "number"}'), Context())
    before = {"price": "number"}
    assert asked == [before, before | {"brand": "keyword"}, before]


def test_an_index_that_refuses_an_attribute_keeps_its_template() -> None:
    class Refusing(InMemoryVectorIndex):
        refuses, templates = False, 0

        def declare_attributes(self, index: str) -> None:
            if self.refuses:
                raise SearchRefusedError("Another type.")

        def put_template(self, *, shards: int, replicas: int) -> None:
            self.templates += 1

    index = Refusing()
    handler = _handler(index)
    handler(_event("Create"), Context())
    index.refuses = True
    with pytest.raises(SearchRefusedError):
        handler(_event("Update"), Context())
    assert index.templates == 1


def test_a_deletion_leaves_index_and_documents_in_place() -> None:
    index = InMemoryVectorIndex()
    handler = _handler(index)
    handler(_event("Create"), Context())
    index.put_image(index.active().name, embedded(an_image("a"), (1.0, 0.0, 0.0, 0.0)))
    assert handler(_event("Delete"), Context()) == {"PhysicalResourceId": "images"}
    assert index.count(index.active().name) == 1


def test_a_domain_that_does_not_answer_yet_is_waited_for() -> None:
    index, pauses = Starting(failures=3), list[float]()
    _handler(index, pauses)(_event("Create"), Context())
    assert index.active().fingerprint == FINGERPRINT
    assert len(pauses) == 3


def test_a_domain_that_never_answers_fails_the_deployment_in_time() -> None:
    class Late(Context):
        def get_remaining_time_in_millis(self) -> int:  # type: ignore[override]
            return 21_000

    index = Starting(failures=10**9)
    with pytest.raises(SearchUnavailableError):
        _handler(index)(_event("Create"), Late())
    with pytest.raises(IndexMissingError):
        index.active()


@pytest.mark.parametrize("kind", [SearchRefusedError, SearchDeniedError])
def test_a_refusal_fails_the_deployment_at_once(kind: type[InternalError]) -> None:
    index, pauses = Starting(failures=1, error=kind("No.")), list[float]()
    with pytest.raises(kind):
        _handler(index, pauses)(_event("Create"), Context())
    assert pauses == []


@pytest.mark.parametrize("properties", [{"Dimension": "many"}, {"Dimension": ""}])
def test_unusable_properties_fail_the_deployment(properties: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="invalid literal"):
        _handler(InMemoryVectorIndex())(_event("Create", **properties), Context())


def _access_event(kind: str, **properties: str) -> dict[str, Any]:
    wanted = {"Name": "imagesearch_query", "Access": "search", "Role": QUERY_ROLE}
    return {
        "RequestType": kind,
        "ResourceType": "Custom::DomainAccess",
        "ResourceProperties": {"ServiceToken": "arn", **wanted, **properties},
    }


def test_a_functions_role_is_admitted_to_the_domain_and_dismissed_with_its_stack() -> None:
    access = InMemoryAccessControl()
    handler = _handler(InMemoryVectorIndex(), access=access)
    made = handler(_access_event("Create"), Context())
    name = made["PhysicalResourceId"]
    assert name.startswith("imagesearch_query_")
    assert access.admitted == {name: Admission(name=name, access="search", principal=QUERY_ROLE)}
    assert handler(_access_event("Update", Access="write") | made, Context()) == made
    assert access.admitted[name].access == "write"
    assert handler(_access_event("Delete") | made, Context()) == made
    assert access.admitted == {}


@pytest.mark.parametrize("kept", ["the new role", "the old role"])
def test_a_role_that_is_replaced_stays_admitted_until_cloudformation_cleans_up(kept: str) -> None:
    access = InMemoryAccessControl()
    handler = _handler(InMemoryVectorIndex(), access=access)
    old = handler(_access_event("Create"), Context())
    new = handler(_access_event("Update", Role=OTHER_ROLE) | old, Context())
    assert {each.principal for each in access.admitted.values()} == {QUERY_ROLE, OTHER_ROLE}
    if kept == "the new role":
        handler(_access_event("Delete") | old, Context())
    else:
        # A rollback sends what was before, which finds its role there, and then removes the other.
        assert handler(_access_event("Update") | new, Context()) == old
        handler(_access_event("Delete", Role=OTHER_ROLE) | new, Context())
    wanted = OTHER_ROLE if kept == "the new role" else QUERY_ROLE
    assert [each.principal for each in access.admitted.values()] == [wanted]


def test_a_domain_that_admits_nobody_yet_is_waited_for() -> None:
    class Busy(InMemoryAccessControl):
        failures = 2

        def admit(self, admission: Admission) -> None:
            if self.failures:
                self.failures -= 1
                raise SearchUnavailableError("Not yet.", retry_after=5)
            super().admit(admission)

    access, pauses = Busy(), list[float]()
    _handler(InMemoryVectorIndex(), pauses, access=access)(_access_event("Create"), Context())
    assert ([each.principal for each in access.admitted.values()], len(pauses)) == ([QUERY_ROLE], 2)


@pytest.mark.parametrize(
    ("event", "message"),
    [
        (_access_event("Create", Access="everything"), "search, write, administer, backup"),
        (_access_event("Create") | {"ResourceType": "Custom::Other"}, "Custom::Other"),
    ],
)
def test_what_no_stack_of_ours_asks_for_fails_the_deployment(event: dict[str, Any], message: str) -> None:
    with pytest.raises(EventInvalidError, match=message):
        _handler(InMemoryVectorIndex())(event, Context())
