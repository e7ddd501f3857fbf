"""What is said of a picture: the forms of sidecar and S3's metadata, and the one validation of both."""

import json
from typing import Any

import pytest

from imagesearch.errors import MetadataInvalidError
from imagesearch.metadata import (
    MAX_SIDECAR_BYTES,
    from_text,
    is_sidecar,
    metadata_of,
    picture_key,
    sidecar_key,
    validated,
)
from imagesearch.models import Metadata
from tests.builders import ATTRIBUTES, METADATA


def _metadata(user: dict[str, str] | None = None, sidecar: object = None) -> Metadata:
    content = None if sidecar is None else json.dumps(sidecar).encode()
    return metadata_of(user or {}, content, attributes=ATTRIBUTES)


def test_a_sidecar_says_everything_that_can_be_said() -> None:
    said = {
        "title": f" {METADATA.title} ",
        "caption": METADATA.caption,
        "tags": ["sea", " dog", "sea"],
        "attributes": METADATA.attributes,
    }
    assert _metadata(sidecar=said) == METADATA


def test_s3s_metadata_says_the_same_in_texts() -> None:
    user = {
        "title": "By the sea",
        "caption": "=?UTF-8?B?U8O8ZHNlZQ==?= =?UTF-8?Q?_=C3=A4?=",
        "tags": "sea, dog,, ",
        "category": "album",
        "price": "12",
        "taken": "2026-03-01T12:30:15Z",
        "favourite": " True ",
        "camera": "not declared: another program's business",
    }
    assert _metadata(user) == Metadata(
        title="By the sea",
        caption="Südsee ä",
        tags=("sea", "dog"),
        attributes={"category": "album", "price": 12.0, "taken": "2026-03-01T12:30:15Z", "favourite": True},
    )


@pytest.mark.parametrize("text", ["=?", "=?UTF-9?B?x?=", "=?UTF-8?B?%?=x", "a =?b?= c", "100%"])
def test_what_only_looks_encoded_is_taken_as_it_is(text: str) -> None:
    assert _metadata({"title": f"x {text}"}).title is not None


def test_nothing_said_is_no_metadata() -> None:
    assert _metadata() == Metadata()
    assert _metadata(sidecar={}) == Metadata()
    empty: dict[str, object] = {"title": None, "caption": None, "tags": [], "attributes": {"price": None}}
    assert _metadata(sidecar=empty) == Metadata()


def test_the_sidecar_wins_field_by_field_and_attribute_by_attribute() -> None:
    user = {"title": "S3", "caption": "S3", "tags": "s3", "price": "1", "category": "s3"}
    sidecar = {"title": "sidecar", "tags": [], "attributes": {"price": 2}}
    assert _metadata(user, sidecar) == Metadata(
        title="sidecar", caption="S3", tags=(), attributes={"price": 2.0, "category": "s3"}
    )


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ({"tittle": "x"}, "unknown field 'tittle'"),
        ({"title": 7}, "title must be a text"),
        ({"title": "\n "}, "title must be a text that is not blank"),
        ({"title": "x" * 1001}, "title has 1001 characters"),
        ({"caption": "x" * 10_001}, "caption has 10001 characters"),
        ({"caption": "\ud800"}, "caption must be a text"),
        ({"tags": "sea, dog"}, "tags must be a list"),
        ({"tags": ["x"] * 101}, "at most 100"),
        ({"tags": ["sea", ""]}, "tags: each tag"),
        ({"attributes": ["price"]}, "attributes must be a JSON object"),
        ({"attributes": {"colour": "red"}}, "'colour' is not declared; declared: category"),
        ({"attributes": {"category": 7}}, "category must be a text"),
        ({"attributes": {"category": " "}}, "category must be a text"),
        ({"attributes": {"category": "x" * 1001}}, "at most 1000 characters"),
        ({"attributes": {"price": "12"}}, "price must be a number"),
        ({"attributes": {"price": True}}, "price must be a number"),
        ({"attributes": {"price": 10**400}}, "price must be a number"),
        ({"attributes": {"price": float("nan")}}, "price must be a number"),
        ({"attributes": {"favourite": 1}}, "favourite must be true or false"),
        ({"attributes": {"taken": "yesterday"}}, "taken must be a date"),
        ({"attributes": {"taken": 2026}}, "taken must be a date"),
    ],
)
def test_what_cannot_be_taken_is_named(said: dict[str, Any], sentence: str) -> None:
    with pytest.raises(MetadataInvalidError, match=sentence):
        validated(said, attributes=ATTRIBUTES)


@pytest.mark.parametrize(
    "date",
    ["20260301", "2026-W10-1", "2026-02-30", "2026-03-01T24:00:00", "2026-03-01 12:30:15", "0000-01-01"],
)
def test_a_date_that_opensearch_reads_otherwise_is_refused(date: str) -> None:
    with pytest.raises(MetadataInvalidError, match="taken"):
        validated({"attributes": {"taken": date}}, attributes=ATTRIBUTES)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "not valid JSON"),
        (b"\xff", "not valid JSON"),
        (b"[" * 100_000, "more than"),
        (b"[" * 60_000, "not valid JSON"),
        (b"[]", "must be a JSON object"),
        (b'"text"', "must be a JSON object"),
        (b" " * (MAX_SIDECAR_BYTES + 1), "more than 65536 bytes"),
    ],
)
def test_a_sidecar_that_is_no_document_is_refused(content: bytes, sentence: str) -> None:
    with pytest.raises(MetadataInvalidError, match=sentence):
        metadata_of({}, content, attributes=ATTRIBUTES)


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ("12.5", "number", 12.5),
        ("many", "number", "many"),
        ("FALSE", "boolean", False),
        ("yes", "boolean", "yes"),
        ("7", "keyword", "7"),
        ("2026-03-01", "date", "2026-03-01"),
    ],
)
def test_a_text_becomes_the_value_of_its_type_or_stays_to_be_refused(
    text: str, kind: Any, value: object
) -> None:
    assert from_text(text, kind) == value


@pytest.mark.parametrize("key", ["a.jpg", "a", "Südsee/1 #.png", "a.json5", "json"])
def test_a_sidecar_and_its_picture_know_each_other(key: str) -> None:
    assert not is_sidecar(key)
    assert is_sidecar(sidecar_key(key))
    assert picture_key(sidecar_key(key)) == picture_key(key) == key


def test_a_suffix_alone_is_the_sidecar_of_nothing() -> None:
    assert is_sidecar(".json")
    assert picture_key(".json") == ".json"
