"""Thumbnails: made once, found again, and only for whoever has a link."""

import pytest

from imagesearch.adapters.in_memory import (
    InMemoryArtifactStore,
    InMemoryLinkedPictures,
    InMemoryPictureStore,
)
from imagesearch.adapters.thumbnail_maker import PillowThumbnailMaker
from imagesearch.errors import (
    ImageUnknownError,
    LinkExpiredError,
    PictureCorruptError,
    SourceTooLargeError,
)
from imagesearch.models import document_id
from imagesearch.thumbnails import PictureLink, Thumbnails
from tests.pictures import jpeg, truncated

KEY = "album/ä 1.jpg"
SIGNATURE = {"signature": "right"}
MAX_BYTES = 100_000


class House:
    """Thumbnails of a bucket, and how often one was made."""

    def __init__(self) -> None:
        self.pictures, self.kept, self.made = InMemoryPictureStore(), InMemoryArtifactStore(), 0
        self.thumbnails = Thumbnails(
            pictures=InMemoryLinkedPictures(self.pictures, signature=SIGNATURE),
            maker=self,
            kept=self.kept,
            max_bytes=MAX_BYTES,
        )
        self._maker = PillowThumbnailMaker()

    def make(self, content: bytes, *, size: int) -> bytes:
        self.made += 1
        return self._maker.make(content, size=size)

    def ask(self, *, key: str = KEY, size: int = 128, image_id: str | None = None, **signature: str) -> bytes:
        link = PictureLink(key=key, signature=signature or SIGNATURE)
        return self.thumbnails.thumbnail(image_id or document_id(key), link, size=size)


@pytest.fixture
def house() -> House:
    house = House()
    house.pictures.put(KEY, jpeg((640, 480), seed=1))
    return house


def test_a_thumbnail_is_made_once_for_each_size(house: House) -> None:
    assert house.ask() == house.ask()
    assert house.made == 1
    assert house.ask(size=256) != house.ask()
    assert house.made == 2


def test_a_replaced_picture_has_another_thumbnail(house: House) -> None:
    before = house.ask()
    house.pictures.put(KEY, jpeg((640, 480), seed=2))
    assert house.ask() != before
    assert house.made == 2


def test_a_thumbnail_that_is_kept_is_still_shown_only_for_a_right_link(house: House) -> None:
    house.ask()
    with pytest.raises(LinkExpiredError):
        house.ask(signature="wrong")


def test_a_link_is_for_its_own_picture_only(house: House) -> None:
    with pytest.raises(LinkExpiredError):
        house.ask(image_id=document_id("another.jpg"))
    assert house.made == 0


def test_a_thumbnail_of_a_deleted_picture_is_not_shown(house: House) -> None:
    house.ask()
    house.pictures.remove(KEY)
    with pytest.raises(ImageUnknownError):
        house.ask()


@pytest.mark.parametrize(
    ("content", "error"),
    [(truncated(), PictureCorruptError), (b"\xff" * (MAX_BYTES + 1), SourceTooLargeError)],
)
def test_a_picture_that_has_no_thumbnail_is_told_and_leaves_none(
    house: House, content: bytes, error: type[Exception]
) -> None:
    house.pictures.put("bad.jpg", content)

    for _ in range(2):
        with pytest.raises(error):
            house.ask(key="bad.jpg")
    assert list(house.kept.keys("")) == []
