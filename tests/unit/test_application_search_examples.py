"""What a query can be made of, and how its parts are weighed; directions are degrees from east to north."""

import math
from dataclasses import replace

import pytest

from imagesearch.errors import (
    ImageUnknownError,
    PictureCorruptError,
    PictureTooManyPixelsError,
    QueryEmptyError,
    RequestInvalidError,
    UploadUnknownError,
    UrlsDisabledError,
    UrlUnreachableError,
)
from imagesearch.models import document_id
from imagesearch.queries import (
    Example,
    IndexedExample,
    LinkedExample,
    PictureExample,
    Query,
    TextExample,
    UploadExample,
    Wish,
)
from imagesearch.searching.encoding import combine
from imagesearch.uploads import query_key
from tests.builders import OTHER_FINGERPRINT, a_query, a_reject
from tests.searching import Compass, Web, filled, keys, pictures_towards, searcher_of, towards, unit

UPLOAD = "0f" * 16
GALLERY = pictures_towards({f"{degrees:03}": degrees for degrees in range(0, 360, 30)})


def _wishes(**weights: float) -> Query:
    """A query for texts, by their weights; a text is a number behind an underscore."""
    return Query(
        wishes=tuple(
            Wish(example=TextExample(text=name[1:]), weight=weight) for name, weight in weights.items()
        )
    )


@pytest.mark.parametrize(
    "example",
    [
        TextExample(text=" a boat to the 60\n"),
        PictureExample(content=b"60"),
        IndexedExample(id=document_id("060")),
        UploadExample(upload=UPLOAD),
        LinkedExample(url="https://degrees.invalid/60"),
    ],
)
def test_every_kind_of_example_finds_what_is_like_it(example: Example) -> None:
    compass = Compass(stored={query_key(UPLOAD): "60"})
    result = searcher_of(filled(GALLERY), embedder=compass, web=Web()).search(a_query(example))
    assert keys(result)[0] == "060"
    assert result.hits[0].score == pytest.approx(1)


def test_all_texts_and_pictures_of_a_query_are_encoded_in_one_call() -> None:
    compass = Compass()
    examples = (
        PictureExample(content=b"10"),
        TextExample(text="20"),
        LinkedExample(url="https://degrees.invalid/30"),
        TextExample(text="40"),
    )
    result = searcher_of(filled(GALLERY), embedder=compass, web=Web()).search(a_query(*examples))
    assert [(texts, pictures) for _, texts, pictures in compass.asked] == [(["20", "40"], [b"10", b"30"])]
    assert keys(result)[0] == "030"


def test_a_picture_of_the_index_is_not_encoded_again() -> None:
    compass = Compass()
    searcher_of(filled(GALLERY), embedder=compass).search(a_query(IndexedExample(id=document_id("060"))))
    assert compass.asked == []


def test_several_examples_lie_between_each_other() -> None:
    assert keys(searcher_of(filled(GALLERY)).search(a_query("30", "90")))[0] == "060"


def test_the_heavier_example_is_the_nearer_one() -> None:
    searcher = searcher_of(filled(GALLERY))
    assert keys(searcher.search(_wishes(_30=3, _150=1)))[:2] == ["060", "030"]
    assert keys(searcher.search(_wishes(_30=9, _150=3)))[:2] == ["060", "030"]
    assert keys(searcher.search(_wishes(_30=1, _150=3)))[:2] == ["120", "150"]


def test_what_a_query_is_to_be_unlike_moves_away() -> None:
    searcher = searcher_of(filled(GALLERY))
    alone, without = searcher.search(_wishes(_60=1)), searcher.search(_wishes(_60=1, _90=-0.5))
    assert keys(alone).index("090") < keys(without).index("090")
    assert keys(without)[0] in {"030", "000"}


def test_a_blank_text_beside_a_picture_counts_as_none() -> None:
    result = searcher_of(filled(GALLERY)).search(a_query(PictureExample(content=b"60"), " "))
    assert result.hits[0].score == pytest.approx(1)


@pytest.mark.parametrize("wishes", [{"_10": -1.0}, {"_": 1.0, "_10": -1.0}])
def test_a_query_that_is_only_unlike_something_is_empty(wishes: dict[str, float]) -> None:
    with pytest.raises(QueryEmptyError):
        searcher_of(filled(GALLERY)).search(_wishes(**wishes))


def test_examples_that_cancel_each_other_out_are_refused() -> None:
    searcher = searcher_of(filled(GALLERY))
    with pytest.raises(RequestInvalidError, match="cancel"):
        searcher.search(a_query("0", "180"))
    with pytest.raises(RequestInvalidError, match="cancel"):
        searcher.search(
            Query(wishes=(*a_query("20").wishes, Wish(example=TextExample(text="20"), weight=-1)))
        )


def test_an_unknown_picture_is_named() -> None:
    absent = document_id("absent")
    with pytest.raises(ImageUnknownError, match=absent):
        searcher_of(filled(GALLERY)).search(a_query("0", IndexedExample(id=absent)))


@pytest.mark.parametrize(
    ("code", "error"),
    [("picture_too_many_pixels", PictureTooManyPixelsError), ("unheard_of", PictureCorruptError)],
)
def test_a_rejected_picture_says_why_it_has_no_vector(code: str, error: type[Exception]) -> None:
    index = filled(GALLERY)
    index.put_rejected(index.active().name, replace(a_reject("bad"), error_code=code))
    with pytest.raises(error, match="cut short"):
        searcher_of(index).search(a_query(IndexedExample(id=document_id("bad"))))


@pytest.mark.parametrize("upload", [UPLOAD, "../library.jpg"])
def test_an_unknown_upload_is_told(upload: str) -> None:
    with pytest.raises(UploadUnknownError):
        searcher_of(filled(GALLERY)).search(a_query(UploadExample(upload=upload)))


def test_an_upload_is_encoded_by_the_model_of_the_index() -> None:
    compass = Compass(fingerprint=OTHER_FINGERPRINT, stored={query_key(UPLOAD): "60"})
    with pytest.raises(Exception, match=OTHER_FINGERPRINT[:12]):
        searcher_of(filled(GALLERY), embedder=compass).search(a_query(UploadExample(upload=UPLOAD)))


def test_addresses_are_fetched_only_where_that_is_enabled() -> None:
    link = a_query(LinkedExample(url="https://degrees.invalid/60"))
    with pytest.raises(UrlsDisabledError):
        searcher_of(filled(GALLERY)).search(link)
    with pytest.raises(UrlUnreachableError):
        searcher_of(filled(GALLERY), web=Web()).search(a_query(LinkedExample(url="https://other.invalid/")))


def test_combining_one_vector_keeps_it() -> None:
    assert combine([(0.6, 0.8)], [3.0]) == pytest.approx((0.6, 0.8))


def test_combined_vectors_have_length_one_and_lie_by_their_weights() -> None:
    assert combine([(1.0, 0.0), (0.0, 1.0)], [1, 1]) == pytest.approx((math.sqrt(0.5), math.sqrt(0.5)))
    assert combine([(1.0, 0.0), (0.0, 1.0)], [3, -4]) == pytest.approx((0.6, -0.8))


def test_tiny_weights_are_weights() -> None:
    assert combine([towards(0), towards(90)], [1e-9, 1e-9]) == pytest.approx(unit(1, 1, 0, 0))
