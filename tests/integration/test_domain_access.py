"""What the roles of the domain allow and refuse, as OpenSearch's own security plugin decides."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import pytest
from opensearchpy import AuthorizationException

from imagesearch.access import Access, Admission
from imagesearch.adapters.opensearch import OpenSearchVectorIndex
from imagesearch.adapters.opensearch_administration import OpenSearchAdministration
from imagesearch.adapters.opensearch_loading import OpenSearchLoading
from imagesearch.adapters.opensearch_probe import OpenSearchProbe
from imagesearch.adapters.opensearch_security import OpenSearchAccessControl
from imagesearch.adapters.opensearch_snapshots import OpenSearchSnapshots
from imagesearch.errors import SearchDeniedError
from imagesearch.index_setup import IndexSetup
from imagesearch.models import IndexInfo
from imagesearch.queries import Nearest, Words
from tests.builders import ATTRIBUTES, FINGERPRINT, OTHER_FINGERPRINT, a_reject, an_image, embedded
from tests.secured_opensearch import RULER, SecuredOpenSearch, secured_opensearch
from tests.waiting import wait_for

pytestmark = pytest.mark.verified(
    "Fine-grained access: what each function may do, in OpenSearch's security plugin", on="genuine part"
)
EAST, NORTH = (1.0, 0.0, 0.0, 0.0), (0.0, 1.0, 0.0, 0.0)
DOG = an_image("dog.jpg", caption="a dog")
SECOND = IndexInfo(
    name="images-0f0f0f0f0f0f-1", fingerprint=OTHER_FINGERPRINT, dimension=4, space="cosinesimil"
)
KINDS: tuple[Access, ...] = ("search", "write", "administer", "backup")


class Domain:
    """The server as the functions of the application meet it, each with a role of its own."""

    def __init__(self, server: SecuredOpenSearch) -> None:
        self._server = server
        self.access = OpenSearchAccessControl(client=server.client(RULER), alias="images")
        setup = IndexSetup(
            administration=self.administration(RULER),
            alias="images",
            space="cosinesimil",
            shards=1,
            replicas=0,
        )
        self.active = setup.ensure(fingerprint=FINGERPRINT, dimension=4).name
        for kind in KINDS:
            self.access.admit(Admission(name=f"imagesearch_{kind}", access=kind, principal=_principal(kind)))

    def index(self, principal: str) -> OpenSearchVectorIndex:
        return OpenSearchVectorIndex(client=self._server.client(principal), alias="images")

    def administration(self, principal: str) -> OpenSearchAdministration:
        client = self._server.client(principal)
        return OpenSearchAdministration(client=client, alias="images", engine="lucene", attributes=ATTRIBUTES)

    def loading(self, principal: str) -> OpenSearchLoading:
        return OpenSearchLoading(client=self._server.client(principal))

    def probe(self, principal: str) -> OpenSearchProbe:
        return OpenSearchProbe(client=self._server.client(principal))

    def snapshots(self, principal: str) -> OpenSearchSnapshots:
        location = {"type": "fs", "settings": {"location": "snapshots"}}
        client = self._server.client(principal)
        return OpenSearchSnapshots(client=client, alias="images", repository="imagesearch", location=location)

    def refused(self, principal: str, method: str, path: str) -> bool:
        """Whether the server refuses a request, which nothing of the application makes."""
        try:
            self._server.client(principal).transport.perform_request(method, path)
        except AuthorizationException:
            return True
        return False


def _principal(kind: str) -> str:
    return f"arn:aws:iam::123456789012:role/{kind}"


SEARCH, WRITE, ADMINISTER, BACKUP = map(_principal, KINDS)


@pytest.fixture(scope="module")
def domain() -> Iterator[Domain]:
    with secured_opensearch() as server:
        yield Domain(server)


@pytest.fixture
def filled(domain: Domain) -> Domain:
    """The domain with pictures that whoever writes has written."""
    index = domain.index(WRITE)
    index.put_image(domain.active, embedded(DOG, EAST, NORTH))
    index.put_many(domain.active, [embedded(an_image("cat.jpg"), NORTH), a_reject("broken.jpg")])
    domain.loading(WRITE).end_loading(domain.active)
    return domain


def test_who_writes_keeps_pictures_and_loads_the_index(filled: Domain) -> None:
    index, name = filled.index(WRITE), filled.active
    assert index.written()[0].name == name
    assert index.get(name, DOG.id) == DOG
    assert set(index.known(name, [DOG.id])) == {DOG.id}
    assert index.describe(name, DOG, None)
    assert "dog.jpg" in list(index.keys(name))
    filled.loading(WRITE).begin_loading(name)
    filled.loading(WRITE).end_loading(name)
    index.delete(name, an_image("cat.jpg").id)
    assert index.get(name, an_image("cat.jpg").id) is None


def test_who_searches_finds_pictures_in_every_way_that_a_query_asks(filled: Domain) -> None:
    index, name = filled.index(SEARCH), filled.active
    assert index.active().name == name
    nearest, words = index.search(name, [Nearest(part="picture", vector=EAST), Words(text="dog")], k=5)
    assert nearest[0].image == words[0].image == DOG
    assert index.vectors(name, [DOG.id]) == {DOG.id: list(EAST)}
    assert index.find(name, DOG.id) == DOG
    assert index.count(name) >= 1
    assert filled.probe(SEARCH).sample(name, 10)


def test_who_administers_makes_fills_compares_and_removes_an_index(filled: Domain) -> None:
    administration, name = filled.administration(ADMINISTER), filled.active
    administration.put_template(shards=1, replicas=0)
    administration.create(SECOND)
    administration.write_to([name, SECOND.name])
    assert {index.name for index in administration.written()} == {name, SECOND.name}
    administration.declare_attributes(SECOND.name)
    assert administration.is_empty(SECOND.name)
    administration.point_alias(SECOND.name)
    administration.point_alias(name)
    assert filled.index(ADMINISTER).search(name, [Nearest(part="picture", vector=EAST)], k=1)[0]
    assert filled.index(ADMINISTER).vectors(name, [DOG.id])
    filled.probe(ADMINISTER).refresh(name)
    assert filled.probe(ADMINISTER).exact(name, EAST, k=1)[0].image == DOG
    administration.write_to([])
    administration.remove(SECOND.name)
    assert [index.name for index in administration.indices()] == [name]


def test_who_backs_up_takes_a_snapshot_and_restores_it(filled: Domain) -> None:
    snapshots, administration = filled.snapshots(BACKUP), filled.administration(BACKUP)
    (index,) = administration.indices()
    name = f"s-{int(datetime.now(UTC).timestamp())}"
    snapshots.begin(name, index, pictures=1)
    taken = wait_for(
        lambda: next((each for each in snapshots.all() if each.state == "complete"), None), "the snapshot"
    )
    restored = f"{index.name[:-1]}9"
    snapshots.restore(taken, into=restored, replicas=0)
    wait_for(lambda: True if restored not in snapshots.unready() else None, "the restored index")
    assert restored in {each.name for each in administration.indices()}
    administration.remove(restored)
    snapshots.delete(name)


REFUSED: list[tuple[str, Callable[[Domain], object]]] = [
    ("search: write", lambda d: d.index(SEARCH).put_rejected(d.active, a_reject("x.jpg"))),
    ("search: write many", lambda d: d.index(SEARCH).put_many(d.active, [a_reject("x.jpg")])),
    ("search: delete", lambda d: d.index(SEARCH).delete(d.active, DOG.id)),
    ("search: load", lambda d: d.loading(SEARCH).begin_loading(d.active)),
    ("write: make an index", lambda d: d.administration(WRITE).create(SECOND)),
    ("write: remove an index", lambda d: d.administration(WRITE).remove(SECOND.name)),
    ("write: move the alias", lambda d: d.administration(WRITE).point_alias(d.active)),
    ("write: change the template", lambda d: d.administration(WRITE).put_template(shards=1, replicas=0)),
    ("administer: take a snapshot", lambda d: d.snapshots(ADMINISTER).all()),
    ("nobody: look", lambda d: d.index(_principal("stranger")).active()),
]


@pytest.mark.parametrize("call", [call for _, call in REFUSED], ids=[name for name, _ in REFUSED])
def test_what_is_not_a_functions_business_is_refused(
    filled: Domain, call: Callable[[Domain], object]
) -> None:
    with pytest.raises(SearchDeniedError, match="do not admit this function"):
        call(filled)


@pytest.mark.parametrize("principal", [SEARCH, WRITE, ADMINISTER, BACKUP])
def test_no_function_reaches_other_indices_or_says_who_may_do_what(domain: Domain, principal: str) -> None:
    assert domain.refused(principal, "PUT", "/other")
    assert domain.refused(principal, "GET", "/.opendistro_security/_search")
    assert domain.refused(principal, "GET", "/_plugins/_security/api/roles")


def test_who_is_dismissed_is_refused_from_then_on(domain: Domain) -> None:
    passing = Admission(name="imagesearch_passing", access="search", principal=_principal("passing"))
    domain.access.admit(passing)
    assert domain.index(passing.principal).active().name == domain.active
    domain.access.dismiss(passing.name)
    with pytest.raises(SearchDeniedError, match="do not admit this function"):
        domain.index(passing.principal).active()
