"""The verified loop: whatever happens meanwhile, the document ends up as what the object is."""

import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

import pytest

from imagesearch.adapters.in_memory import InMemoryEmbedder, InMemoryPictureStore
from imagesearch.describing import metadata_or_fault
from imagesearch.errors import UnsettledError
from imagesearch.indexing import MAX_ROUNDS, Indexer, Outcome, is_current
from imagesearch.models import (
    Embedding,
    ImageRecord,
    IndexInfo,
    ObjectState,
    PictureEmbedding,
    RejectedImage,
)
from imagesearch.queries import VectorPart
from tests.builders import (
    ATTRIBUTES,
    JPEG,
    PNG,
    InMemoryEndpoints,
    InMemoryHouse,
    in_memory_house,
    keep_second_index,
)
from tests.interleaving import Actor, perform
from tests.watched import KEY, document_of, watched_indexer

SIDECAR = KEY + ".json"


def _once(moment: str, change: Callable[[], object]) -> Callable[[str], None]:
    """Make one change just before the first call of a method."""
    changes = [change]

    def before(method: str) -> None:
        if method == moment and changes:
            changes.pop()()

    return before


MOMENTS = ["written", "get", "embed_stored", "read", "user_metadata", "put_image"]


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_picture_replaced_meanwhile_is_indexed_as_its_replacement(moment: str) -> None:
    house = in_memory_house()
    house.pictures.put(KEY, PNG)
    indexer = watched_indexer(house, _once(moment, lambda: house.pictures.put(KEY, JPEG + b"longer")))
    assert indexer.bring_in_line(KEY) == Outcome.INDEXED
    _assert_in_line(house)


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_picture_deleted_meanwhile_leaves_no_document(moment: str) -> None:
    house = in_memory_house()
    house.pictures.put(KEY, PNG)
    indexer = watched_indexer(house, _once(moment, lambda: house.pictures.remove(KEY)))
    assert indexer.bring_in_line(KEY) == Outcome.DELETED
    _assert_in_line(house)


@pytest.mark.parametrize("moment", ["written", "delete"])
def test_a_picture_that_comes_back_while_it_is_deleted_is_indexed(moment: str) -> None:
    house = in_memory_house()
    indexer = watched_indexer(house, _once(moment, lambda: house.pictures.put(KEY, PNG)))
    assert indexer.bring_in_line(KEY) == Outcome.INDEXED
    _assert_in_line(house)


@pytest.mark.parametrize("moment", ["put_image", "delete"])
def test_another_handler_writing_at_the_worst_moment_does_no_harm(moment: str) -> None:
    house = in_memory_house()
    house.pictures.put(KEY, PNG)

    def replaced_and_handled() -> None:
        house.pictures.put(KEY, JPEG)
        house.indexer.bring_in_line(KEY)

    watched_indexer(house, _once(moment, replaced_and_handled)).bring_in_line(KEY)
    _assert_in_line(house)


def test_a_good_picture_that_was_bad_for_a_moment_is_not_rejected() -> None:
    """The container reads the bad content, and the very same good one is back before the second look."""
    house = in_memory_house()
    house.pictures.put(KEY, PNG)
    bad = _once("read", lambda: house.pictures.put(KEY, b"bad"))
    good = _once("put_rejected", lambda: house.pictures.put(KEY, PNG))

    def before(method: str) -> None:
        bad(method)
        good(method)

    assert watched_indexer(house, before).bring_in_line(KEY) == Outcome.INDEXED
    _assert_in_line(house)


DESCRIBING = ["get", "look", "sidecar", "user_metadata", "embed", "describe"]


@pytest.mark.parametrize("moment", DESCRIBING)
def test_a_sidecar_that_changes_while_it_is_read_is_taken_as_it_is_in_the_end(moment: str) -> None:
    house = _described_house()
    house.pictures.put(SIDECAR, SIDECARS[1] or b"")
    change = partial(house.pictures.put, SIDECAR, b'{"caption": "a bird"}')
    assert watched_indexer(house, _once(moment, change)).bring_in_line(KEY) == Outcome.DESCRIBED
    _assert_in_line(house)


@pytest.mark.parametrize("moment", DESCRIBING)
def test_a_sidecar_that_goes_while_it_is_read_leaves_no_metadata(moment: str) -> None:
    house = _described_house()
    house.pictures.put(SIDECAR, SIDECARS[1] or b"")
    watched_indexer(house, _once(moment, partial(house.pictures.remove, SIDECAR))).bring_in_line(KEY)
    _assert_in_line(house)


def test_a_sidecar_that_was_another_one_for_a_moment_is_not_taken_for_it() -> None:
    """It is the same at both looks, and another one when it is read."""
    house = _described_house()
    house.pictures.put(SIDECAR, SIDECARS[1] or b"")
    other = _once("sidecar", partial(house.pictures.put, SIDECAR, b'{"caption": "a bird"}'))
    again = _once("look", partial(house.pictures.put, SIDECAR, SIDECARS[1] or b""))
    looks: list[str] = []

    def before(method: str) -> None:
        other(method)
        looks.extend([method] if method == "look" else [])
        if len(looks) == 2:
            again(method)

    assert watched_indexer(house, before).bring_in_line(KEY) == Outcome.DESCRIBED
    _assert_in_line(house)


@pytest.mark.parametrize("moment", DESCRIBING)
def test_a_picture_replaced_while_it_is_described_is_indexed_as_its_replacement(moment: str) -> None:
    house = _described_house()
    house.pictures.put(SIDECAR, SIDECARS[1] or b"")
    change = partial(house.pictures.put, KEY, JPEG + b"longer")
    assert watched_indexer(house, _once(moment, change)).bring_in_line(KEY) == Outcome.INDEXED
    _assert_in_line(house)


def _described_house() -> InMemoryHouse:
    """A house whose picture is indexed with a caption."""
    house = in_memory_house()
    house.pictures.put(KEY, PNG)
    house.pictures.put(SIDECAR, SIDECARS[0] or b"")
    house.indexer.bring_in_line(KEY)
    return house


def test_an_object_that_never_rests_is_left_for_a_later_delivery() -> None:
    house = in_memory_house()
    changes: list[ObjectState] = []

    def change(method: str) -> None:
        if method == "look":
            changes.append(house.pictures.put(KEY, PNG + bytes([len(changes)])))

    with pytest.raises(UnsettledError):
        watched_indexer(house, change).bring_in_line(KEY)
    assert len(changes) == MAX_ROUNDS + 1
    assert house.indexer.bring_in_line(KEY) in {Outcome.INDEXED, Outcome.UNCHANGED}
    _assert_in_line(house)


def test_a_container_that_answers_for_older_bytes_is_asked_again() -> None:
    house = in_memory_house()
    house.pictures.put(KEY, PNG)
    stale = ["an older etag"]

    class Stale(InMemoryEmbedder):
        def embed_stored(self, *, fingerprint: str, key: str) -> PictureEmbedding:
            picture = super().embed_stored(fingerprint=fingerprint, key=key)
            return replace(picture, etag=stale.pop()) if stale else picture

    fingerprint = house.index.active().fingerprint
    embedder = Stale(fingerprint=fingerprint, dimension=32, pictures=house.pictures)
    indexer = Indexer(embedder=embedder, index=house.index, pictures=house.pictures, attributes=ATTRIBUTES)
    assert indexer.bring_in_line(KEY) == Outcome.INDEXED
    assert not stale
    _assert_in_line(house)


def _assert_in_line(house: InMemoryHouse) -> None:
    """In every index the document is what the object is: its content's, of its kind, or none."""
    state = house.pictures.look(KEY)
    for index in house.index.written():
        document = document_of(house, index=index)
        if state is None:
            assert document is None
            continue
        assert document is not None
        assert is_current(document, state=state, fingerprint=index.fingerprint)
        assert document.size == state.size
        assert isinstance(document, RejectedImage) == (state.etag in REJECTED_ETAGS)
        if isinstance(document, ImageRecord):
            _assert_described(house, index, document, state)


def _assert_described(
    house: InMemoryHouse, index: IndexInfo, document: ImageRecord, state: ObjectState
) -> None:
    """The picture has the metadata of its object and sidecar, and its vectors are those of its contents."""
    sidecar = house.pictures.sidecar(KEY, etag=state.sidecar) if state.sidecar else None
    user = house.pictures.user_metadata(KEY)
    said = metadata_or_fault(user, sidecar, attributes=ATTRIBUTES)
    assert (document.metadata, document.metadata_fault) == said
    embedder = InMemoryEndpoints([index], pictures=house.pictures)
    picture = embedder.embed_stored(fingerprint=index.fingerprint, key=KEY)
    captions = [document.metadata.caption] if document.metadata.caption else []
    said_vectors = embedder.embed(fingerprint=index.fingerprint, texts=captions)
    expected: dict[VectorPart, Sequence[Embedding]] = {"picture": [picture], "caption": said_vectors}
    for part, embeddings in expected.items():
        found = house.index.vectors(index.name, [document.id], part=part)
        assert list(found.values()) == [pytest.approx(each.vector) for each in embeddings]


CONTENTS = [PNG + b"first", JPEG + b"second one", b"no picture", None]
SIDECARS = [b'{"caption": "a dog"}', b'{"caption": "a cat", "title": "Cat"}', b"{", None]
TITLES = ["One", "Two"]
REJECTED_ETAGS = {InMemoryPictureStore().put(KEY, content).etag for content in (b"no picture", b"", b"bad")}


def _put(house: InMemoryHouse, key: str, content: bytes | None, **user_metadata: str) -> None:
    if content is None:
        house.pictures.remove(key)
    else:
        house.pictures.put(key, content, user_metadata=user_metadata)


def _changes(chance: random.Random, house: InMemoryHouse) -> list[Callable[[], None]]:
    """Up to five changes of the picture, of its sidecar, and of what S3 keeps with it."""
    changes = [
        *(partial(_put, house, KEY, content, title=title) for content in CONTENTS for title in TITLES),
        *(partial(_put, house, SIDECAR, sidecar) for sidecar in SIDECARS * 2),
    ]
    return chance.choices(changes, k=chance.randint(1, 5))


class _CrashError(Exception):
    """The process ends in the middle; its message is delivered again."""


def _race(seed: int, *, indices: int = 1) -> InMemoryHouse:
    """Let an object change some times while its events are handled late, twice, at once, and crash."""
    chance, house = random.Random(seed), in_memory_house()  # noqa: S311 - a schedule, no secret
    if indices > 1:
        keep_second_index(house)
    changes = _changes(chance, house)
    events: list[int] = []

    def change(actor: Actor) -> None:
        for each in changes:
            actor.step()
            each()
            events.append(len(events))

    def handle(actor: Actor) -> None:
        crashes = chance.randint(0, 2)

        def before(method: str) -> None:
            nonlocal crashes
            actor.step()
            if crashes and chance.random() < 0.1:
                crashes -= 1
                raise _CrashError(method)

        while True:
            try:
                watched_indexer(house, before).bring_in_line(KEY)
            except (_CrashError, UnsettledError):
                continue
            return

    def after(event: int) -> Callable[[], bool]:
        return lambda: event < len(events)

    deliveries = [event for event in range(len(changes)) for _ in range(chance.randint(1, 2))]
    handlers = [Actor(handle, ready=after(event)) for event in deliveries]
    perform([Actor(change), *handlers], chance)
    return house


@pytest.mark.parametrize("block", range(4))
@pytest.mark.parametrize("indices", [1, 2])
def test_after_any_interleaving_every_document_is_what_the_object_is(block: int, indices: int) -> None:
    for seed in range(block * 100, block * 100 + 100):
        try:
            _assert_in_line(_race(seed, indices=indices))
        except AssertionError as error:
            raise AssertionError(f"schedule {seed}") from error
