"""The verified loop: whatever happens meanwhile, the document ends up as what the object is."""

import random
from collections.abc import Callable
from dataclasses import replace

import pytest

from imagesearch.adapters.in_memory import InMemoryEmbedder, InMemoryPictureStore
from imagesearch.errors import UnsettledError
from imagesearch.indexing import MAX_ROUNDS, Indexer, Outcome
from imagesearch.models import ObjectState, PictureEmbedding, RejectedImage
from tests.builders import JPEG, PNG, InMemoryHouse, in_memory_house
from tests.interleaving import Actor, perform
from tests.watched import KEY, document_of, watched_indexer


def _once(moment: str, change: Callable[[], object]) -> Callable[[str], None]:
    """Make one change just before the first call of a method."""
    changes = [change]

    def before(method: str) -> None:
        if method == moment and changes:
            changes.pop()()

    return before


MOMENTS = ["active", "get", "embed_stored", "read", "put_image"]


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_picture_replaced_meanwhile_is_indexed_as_its_replacement(moment: str) -> None:
    house = in_memory_house()
    house.pictures.put(KEY, PNG)
    indexer = watched_indexer(house, _once(moment, lambda: house.pictures.put(KEY, JPEG + b"longer")))
    assert indexer.bring_in_line(KEY) == Outcome.INDEXED
    _assert_in_line(house)


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_picture_deleted_meanwhile_leaves_nodocument_of(moment: str) -> None:
    house = in_memory_house()
    house.pictures.put(KEY, PNG)
    indexer = watched_indexer(house, _once(moment, lambda: house.pictures.remove(KEY)))
    assert indexer.bring_in_line(KEY) == Outcome.DELETED
    _assert_in_line(house)


@pytest.mark.parametrize("moment", ["active", "delete"])
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
    indexer = Indexer(embedder=embedder, index=house.index, pictures=house.pictures)
    assert indexer.bring_in_line(KEY) == Outcome.INDEXED
    assert not stale
    _assert_in_line(house)


def _assert_in_line(house: InMemoryHouse) -> None:
    """The document is what the object is: its content's, of its kind, or none."""
    state, document = house.pictures.look(KEY), document_of(house)
    if state is None:
        assert document is None
        return
    assert document is not None
    assert (document.etag, document.size) == (state.etag, state.size)
    assert isinstance(document, RejectedImage) == (state.etag in REJECTED_ETAGS)


CONTENTS = [PNG + b"first", JPEG + b"second one", b"no picture", None]
REJECTED_ETAGS = {InMemoryPictureStore().put(KEY, content).etag for content in (b"no picture", b"", b"bad")}


class _CrashError(Exception):
    """The process ends in the middle; its message is delivered again."""


def _race(seed: int) -> InMemoryHouse:
    """Let an object change up to four times while its events are handled late, twice, at once, and crash."""
    chance, house = random.Random(seed), in_memory_house()  # noqa: S311 - a schedule, no secret
    changes = chance.choices(CONTENTS, k=chance.randint(1, 4))
    events: list[int] = []

    def change(actor: Actor) -> None:
        for content in changes:
            actor.step()
            house.pictures.remove(KEY) if content is None else house.pictures.put(KEY, content)
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
def test_after_any_interleaving_the_document_is_what_the_object_is(block: int) -> None:
    for seed in range(block * 100, block * 100 + 100):
        try:
            _assert_in_line(_race(seed))
        except AssertionError as error:
            raise AssertionError(f"schedule {seed}") from error
