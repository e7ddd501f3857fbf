"""Reading what an endpoint answers: sound answers are held by the golden files, unsound ones here."""

import base64
import json
from typing import Any

import pytest

from imagesearch import errors
from imagesearch.adapters.sagemaker_answers import stored_text
from tests.builders import FINGERPRINT
from tests.embedders import SOUND, embed_text, embedder_of
from tests.sagemaker_runtime import Answer, Runtime, model_error


@pytest.mark.parametrize(
    ("status", "message", "error"),
    [
        (400, '{"error": {"code": "picture_corrupt", "message": "Cut short."}}', errors.PictureCorruptError),
        (500, '{"error": {"code": "internal", "message": "secret"}}', errors.ModelUnavailableError),
        (500, "Traceback (most recent call last): secret", errors.ModelUnavailableError),
        (503, '{"code": 503, "message": "no worker"}', errors.ModelUnavailableError),
        (429, "", errors.ModelUnavailableError),
        (413, "", errors.ModelProtocolError),
        (400, '{"error": "not our shape"}', errors.ModelProtocolError),
        (400, '{"error": {"code": "never heard of", "message": "m"}}', errors.ModelProtocolError),
    ],
)
def test_what_the_container_answers_is_told_apart(
    runtime: Runtime, status: int, message: str, error: type[errors.ImageSearchError]
) -> None:
    runtime.answer = lambda _: model_error(status, message)
    with pytest.raises(error) as caught:
        embed_text()
    assert "secret" not in caught.value.message
    assert len(runtime.invocations) == 1


def test_the_containers_sentence_is_kept(runtime: Runtime) -> None:
    runtime.answer = lambda _: model_error(
        400, '{"error": {"code": "picture_corrupt", "message": "Cut short."}}'
    )
    with pytest.raises(errors.PictureCorruptError, match=r"^Cut short\.$"):
        embed_text()


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"not json",
        b"[]",
        b"\xff\xfe",
        json.dumps(SOUND | {"embeddings": []}).encode(),
        json.dumps(SOUND | {"embeddings": [[0.6, 0.8, 0.0]]}).encode(),
        json.dumps(SOUND | {"embeddings": [[0.0, 0.0]]}).encode(),
        json.dumps(SOUND | {"embeddings": [["a", "b"]]}).encode(),
        json.dumps(SOUND | {"embeddings": None}).encode(),
        b'{"fingerprint": "f", "dimension": 2, "embeddings": [[NaN, 1.0]]}',
        b'{"dimension": 2, "embeddings": [[0.6, 0.8]]}',
    ],
)
def test_an_answer_of_another_shape_is_a_fault_of_the_protocol(runtime: Runtime, body: bytes) -> None:
    runtime.answer = lambda _: Answer(body=body)
    with pytest.raises(errors.ModelProtocolError):
        embed_text()


RECORD: dict[str, Any] = {
    "id": "a.png",
    "fingerprint": FINGERPRINT,
    "embedding": "AAAAAJqZGT8AAAAAzcxMvw==",
    "picture": {"width": 6, "height": 4, "content_type": "image/png", "perceptual_hash": "80", "etag": "e"},
}


def _line(**changes: object) -> bytes:
    return json.dumps(RECORD | changes).encode() + b"\n"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        _line() + _line(),
        b"not json\n",
        _line(id="b.png"),
        _line(embedding="AAA"),
        _line(embedding="not base64!"),
        _line(embedding=base64.b64encode(bytes(16)).decode()),
        _line(picture=None),
        _line(picture={"width": 6}),
        _line(picture=RECORD["picture"] | {"user_metadata": ["title"]}),
        _line(error="boom"),
    ],
)
def test_a_record_of_another_shape_is_a_fault_of_the_protocol(runtime: Runtime, body: bytes) -> None:
    runtime.answer = lambda _: Answer(content_type="application/jsonlines", body=body)
    with pytest.raises(errors.ModelProtocolError):
        embedder_of().embed_stored(fingerprint=FINGERPRINT, key="a.png")


@pytest.mark.parametrize(
    "body",
    [b"", _line(), _line(picture=None, id="b.png"), _line(picture=None, embedding=None), b'{"id": "a.png"}'],
)
def test_a_texts_record_of_another_shape_is_a_fault_of_the_protocol(body: bytes) -> None:
    with pytest.raises(errors.ModelProtocolError):
        stored_text(body, key="a.png")


@pytest.mark.parametrize(
    ("code", "error"), [("text_blank", errors.QueryEmptyError), ("text_too_long", errors.TextTooLongError)]
)
def test_a_texts_error_becomes_the_error_of_its_code(code: str, error: type[Exception]) -> None:
    line = json.dumps({"id": "a.png", "error": {"code": code, "message": "Because."}}).encode()
    with pytest.raises(error, match="Because"):
        stored_text(line, key="a.png")


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("source_too_large", errors.SourceTooLargeError),
        ("source_not_found", errors.SourceNotFoundError),
        ("source_forbidden", errors.SourceForbiddenError),
        ("source_unavailable", errors.StoreUnavailableError),
        ("picture_too_many_pixels", errors.PictureTooManyPixelsError),
        ("picture_too_costly", errors.PictureTooCostlyError),
        ("internal", errors.ModelUnavailableError),
    ],
)
def test_a_records_error_becomes_the_error_of_its_code(
    runtime: Runtime, code: str, error: type[Exception]
) -> None:
    body = json.dumps({"id": "a.png", "error": {"code": code, "message": "Because."}}).encode()
    runtime.answer = lambda _: Answer(content_type="application/jsonlines", body=body)
    with pytest.raises(error):
        embedder_of().embed_stored(fingerprint=FINGERPRINT, key="a.png")
