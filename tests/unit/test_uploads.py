"""Uploads: what is handed out, and what is refused."""

import pytest

from imagesearch.adapters.in_memory import InMemoryPictureStore
from imagesearch.errors import RequestInvalidError, SourceTooLargeError, UploadUnknownError
from imagesearch.indexing import Outcome
from imagesearch.models import document_id
from imagesearch.uploads import Uploads, library_key, query_key
from tests.builders import PNG, in_memory_house

MAX_BYTES = 1000


@pytest.fixture
def uploads() -> Uploads:
    return Uploads(pictures=InMemoryPictureStore(), max_bytes=MAX_BYTES)


def test_every_upload_for_a_search_has_a_name_of_its_own_that_leads_to_its_key(uploads: Uploads) -> None:
    first, second = (uploads.for_query(content_type="image/png", size=1) for _ in range(2))
    assert first.name != second.name
    assert query_key(first.name) == first.form.fields["key"] == f".queries/{first.name}"
    assert (first.form.fields["Content-Type"], first.max_bytes) == ("image/png", MAX_BYTES)
    assert first.form.fields["ttl"] == str(first.expires_in)


@pytest.mark.parametrize("name", ["", "a", "../" * 10, "0" * 31, "0" * 33, "A" * 32, "0" * 31 + "\n"])
def test_a_name_that_was_never_given_is_unknown(name: str) -> None:
    with pytest.raises(UploadUnknownError):
        query_key(name)


def test_an_upload_into_the_library_has_the_callers_key(uploads: Uploads) -> None:
    upload = uploads.for_library("album/ä 1.jpg", content_type="image/jpeg", size=MAX_BYTES)
    assert upload.name == upload.form.fields["key"] == "album/ä 1.jpg"


def test_a_picture_that_the_model_would_not_read_is_refused_at_once(uploads: Uploads) -> None:
    with pytest.raises(SourceTooLargeError, match="at most 1000"):
        uploads.for_query(content_type="image/jpeg", size=MAX_BYTES + 1)
    with pytest.raises(SourceTooLargeError):
        uploads.for_library("a.jpg", content_type="image/jpeg", size=MAX_BYTES + 1)


@pytest.mark.parametrize(
    "key",
    [
        "a",
        "a.jpg",
        "a/b c/日本.webp",
        "ä" * 512,
        ".queriesA",
        "a/.queries/b",
        "a..b/...",
        "a.json/b",
        "$ {filename}",
    ],
)
def test_a_key_may_be_nearly_anything(key: str) -> None:
    assert library_key(key) == key


@pytest.mark.parametrize(
    ("key", "why"),
    [
        ("", "1 to 1024 bytes"),
        ("ä" * 512 + "a", "1 to 1024 bytes"),
        ("/a", "begin with a slash"),
        ("a\nb", "control characters"),
        ("a\x00", "control characters"),
        ("a\x9f", "control characters"),
        ("a\ud800", "control characters"),
        ("a/${filename}", r"\$\{filename\}"),
        ("a${filename}b", r"\$\{filename\}"),
        ("../a", "no part between slashes"),
        ("a/./b", "no part between slashes"),
        ("a/..", "no part between slashes"),
        (".queries/a", "no part of the library"),
        ("a.jpg.json", "describes a picture"),
        (".json", "describes a picture"),
    ],
)
def test_a_key_that_would_do_otherwise_than_it_says_is_refused(key: str, why: str) -> None:
    with pytest.raises(RequestInvalidError, match=why):
        library_key(key)


def test_an_event_about_an_upload_for_a_search_indexes_nothing() -> None:
    house = in_memory_house()
    key = query_key("0f" * 16)
    house.pictures.put(key, PNG + b"1")
    assert house.indexer.bring_in_line(key) == Outcome.DELETED
    assert house.index.find(house.index.active().name, document_id(key)) is None
