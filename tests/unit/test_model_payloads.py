"""Requests are parsed strictly: every body gives records or one typed error."""

import base64
import json
import tracemalloc
from typing import Any

import pytest

from clip_inference.errors import (
    ContentTypeUnsupportedError,
    InferenceError,
    RequestInvalidError,
    TextBlankError,
    TextTooLongError,
    TooManyItemsError,
)
from clip_inference.payloads import (
    MAX_ITEMS,
    MAX_TEXT_CHARACTERS,
    Body,
    EncodedPicture,
    InlinePicture,
    StoredPicture,
    Text,
    parse,
)

JSON = "application/json"
LINES = "application/jsonlines"


def items(content_type: str, body: Body) -> list[Any]:
    return [record.item for record in parse(content_type, body).records]


def only_error(content_type: str, body: str) -> InferenceError:
    (item,) = items(content_type, body)
    assert isinstance(item, InferenceError)
    return item


@pytest.mark.parametrize("inputs", ["a dog", ["a dog"]])
def test_inputs_may_be_one_text_or_a_list(inputs: Any) -> None:
    assert items(JSON, json.dumps({"inputs": inputs})) == [Text("a dog")]


def test_texts_come_before_images() -> None:
    body = json.dumps({"images": [base64.b64encode(b"picture").decode()], "texts": ["a dog"]})
    assert items(JSON, body) == [Text("a dog"), EncodedPicture(base64.b64encode(b"picture").decode())]


@pytest.mark.parametrize("content_type", ["application/json; charset=utf-8", "Application/JSON"])
def test_parameters_and_case_of_the_content_type_do_not_matter(content_type: str) -> None:
    assert items(content_type, bytearray('{"inputs": "café"}', "utf-8")) == [Text("café")]


@pytest.mark.parametrize("content_type", ["image/jpeg", "image/anything", "application/x-image"])
def test_raw_picture_is_one_record(content_type: str) -> None:
    assert items(content_type, bytearray(b"picture")) == [InlinePicture(b"picture")]


@pytest.mark.parametrize("body", ["", b"", None])
def test_missing_picture_is_an_empty_picture(body: Any) -> None:
    assert items("image/jpeg", body) == [InlinePicture(b"")]


@pytest.mark.parametrize(
    "body",
    [
        "",
        "{",
        "[]",
        '"a dog"',
        "null",
        "{}",
        '{"inputs": []}',
        '{"inputs": null}',
        '{"inputs": {"text": "a dog"}}',
        '{"texts": "a dog"}',
        '{"images": "abc"}',
        '{"texts": ["a dog"], "inputs": "a dog"}',
        '{"texts": ["a dog"], "k": 3}',
        "[" * 100_000,
        b"\xff\xfe",
    ],
)
def test_malformed_request_is_invalid_as_a_whole(body: str | bytes) -> None:
    with pytest.raises(RequestInvalidError):
        parse(JSON, body)


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("", TextBlankError),
        (" \n\t ", TextBlankError),
        ("x" * (MAX_TEXT_CHARACTERS + 1), TextTooLongError),
        ("half \ud800 pair", RequestInvalidError),
        (7, RequestInvalidError),
        (None, RequestInvalidError),
    ],
)
def test_bad_text_is_an_error_in_its_place(text: Any, error: type[InferenceError]) -> None:
    assert type(only_error(JSON, json.dumps({"texts": [text]}))) is error


def test_longest_text_is_taken() -> None:
    assert items(JSON, json.dumps({"inputs": "x" * MAX_TEXT_CHARACTERS}))


@pytest.mark.parametrize("image", [7, None, ["YWJj"]])
def test_a_picture_that_is_no_string_is_an_error_in_its_place(image: Any) -> None:
    assert isinstance(only_error(JSON, json.dumps({"images": [image]})), RequestInvalidError)


@pytest.mark.parametrize("text", ["not base64!", "abc", "bäd"])
def test_bad_base64_is_an_error_once_the_picture_is_read(text: str) -> None:
    with pytest.raises(RequestInvalidError, match="base64"):
        EncodedPicture(text).data()


def test_lines_become_records_with_their_ids() -> None:
    lines = [
        '{"id": "a", "text": "a dog"}\n',
        '{"s3_uri": "s3://bucket/key", "id": "b"}\r\n',
        '{"id": "c", "image": "YWJj"}\n\n',
    ]
    body = "".join(lines)
    request = parse(LINES, body)
    assert request.lines
    assert [record.label for record in request.records] == ["a", "b", "c"]
    assert items(LINES, body) == [Text("a dog"), StoredPicture("s3://bucket/key"), EncodedPicture("YWJj")]


def test_line_separator_inside_a_text_does_not_end_the_line() -> None:
    assert items(LINES, '{"id": "a", "text": "one\u2028two"}') == [Text("one\u2028two")]


@pytest.mark.parametrize(
    ("line", "label"),
    [
        ("{", None),
        ("[]", None),
        ('{"text": "a dog"}', None),
        ('{"id": 7, "text": "a dog"}', None),
        ('{"id": "a"}', "a"),
        ('{"id": "a", "text": "a dog", "image": "YWJj"}', "a"),
        ('{"id": "a", "text": "a dog", "k": 3}', "a"),
        ('{"id": "a", "s3_uri": null}', "a"),
    ],
)
def test_bad_line_is_an_error_on_its_line(line: str, label: str | None) -> None:
    good = '{"id": "good", "text": "a dog"}'
    first, second = parse(LINES, f"{line}\n{good}").records
    assert (type(first.item), first.label) == (RequestInvalidError, label)
    assert second.item == Text("a dog")


def test_empty_line_between_others_is_answered_too() -> None:
    good = '{"id": "good", "text": "a dog"}'
    assert [record.label for record in parse(LINES, f"{good}\n\n{good}").records] == ["good", None, "good"]


def test_lines_are_not_all_copied_at_once() -> None:
    picture = "A" * 1_000_000
    body = bytearray(
        "".join(f'{{"id": "{number}", "image": "{picture}"}}\n' for number in range(20)), "ascii"
    )
    tracemalloc.start()
    request = parse(LINES, body)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(request.records) == 20
    assert most < 1.3 * len(body)  # the pictures themselves, and the line at hand


@pytest.mark.parametrize("content_type", [None, "", "text/csv", "application/octet-stream", "image"])
def test_other_content_types_are_refused(content_type: str | None) -> None:
    with pytest.raises(ContentTypeUnsupportedError):
        parse(content_type, b"a dog")


def test_number_of_items_is_bounded() -> None:
    line = '{"id": "a", "text": "a dog"}\n'
    assert len(parse(LINES, line * MAX_ITEMS).records) == MAX_ITEMS
    with pytest.raises(TooManyItemsError):
        parse(LINES, line * (MAX_ITEMS + 1))
    with pytest.raises(TooManyItemsError):
        parse(JSON, json.dumps({"texts": ["a"] * MAX_ITEMS, "images": ["YWJj"]}))


@pytest.mark.parametrize("body", ["", "\n \n"])
def test_no_lines_at_all_are_invalid(body: str) -> None:
    with pytest.raises(RequestInvalidError):
        parse(LINES, body)
