"""The SageMaker adapter sends the requests of the protocol's golden files, and reads their answers."""

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from imagesearch import errors
from imagesearch.adapters import sagemaker
from imagesearch.adapters.sagemaker import SageMakerEmbedder
from imagesearch.adapters.sagemaker_answers import error_of, stored_picture, stored_text
from imagesearch.models import Embedding, PictureEmbedding
from tests.embedders import sagemaker_variables
from tests.sagemaker_runtime import Answer, Invocation, Runtime, model_error, sagemaker_runtime

PROTOCOL = Path(__file__).parents[1] / "fixtures" / "protocol"
FINGERPRINT = "5e" * 32


def _golden(name: str) -> dict[str, Any]:
    golden: dict[str, Any] = json.loads((PROTOCOL / f"{name}.json").read_text())
    return golden


def _body(part: dict[str, Any]) -> bytes:
    if "body_base64" in part:
        return base64.b64decode(part["body_base64"])
    return str(part["body"]).encode()


def _answer(response: dict[str, Any]) -> Answer:
    if response["status"] >= 400:
        return model_error(response["status"], response["body"])
    return Answer(content_type=response["content_type"], body=_body(response))


def _meaning(content_type: str, body: bytes) -> Any:
    """What a body says, whatever its spacing."""
    if content_type == "application/json":
        return json.loads(body)
    if content_type == "application/jsonlines":
        return [json.loads(line) for line in body.splitlines()]
    return body


@contextmanager
def _endpoint(
    response: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[Runtime, SageMakerEmbedder]]:
    with sagemaker_runtime(lambda _: _answer(response)) as runtime:
        sagemaker_variables(monkeypatch, runtime.url)
        client = sagemaker.runtime_client(invoke_timeout_seconds=8)
        yield (
            runtime,
            SageMakerEmbedder(
                client=client,
                endpoint_prefix="imagesearch-local-",
                bucket="pictures",
                max_payload_bytes=4_000_000,
                invoke_timeout_seconds=8,
                pause=lambda _: None,
            ),
        )
        client.close()


def _assert_sent(invocation: Invocation, request: dict[str, Any]) -> None:
    sent = (
        invocation.content_type,
        invocation.accept,
        _meaning(invocation.content_type, invocation.body),
    )
    content_type = request["content_type"]
    assert sent == (content_type, request["accept"], _meaning(content_type, _body(request)))
    assert invocation.path == f"/endpoints/imagesearch-local-{FINGERPRINT[:12]}/invocations"


PICTURE = base64.b64decode(_golden("picture")["request"]["body_base64"])


@pytest.mark.parametrize(
    ("name", "texts", "pictures"),
    [
        ("one_text", ["a dog on a beach"], []),
        ("texts", ["a dog on a beach", "snow on a mountain"], []),
        ("picture_of_undeclared_type", [], [PICTURE]),
        ("texts_and_images", ["a dog on a beach"], [PICTURE]),
    ],
)
def test_a_query_is_sent_and_its_answer_read_as_the_golden_file_says(
    name: str, texts: list[str], pictures: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    golden = _golden(name)
    with _endpoint(golden["response"], monkeypatch) as (runtime, embedder):
        embeddings = embedder.embed(fingerprint=FINGERPRINT, texts=texts, pictures=pictures)
    _assert_sent(runtime.invocations[0], golden["request"])
    answered = json.loads(golden["response"]["body"])
    assert embeddings == tuple(
        Embedding(fingerprint=answered["fingerprint"], vector=tuple(vector))
        for vector in answered["embeddings"]
    )


def _one_record(golden: dict[str, Any], key: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Request and response of a golden file, of which only one record is sent."""

    def only(part: dict[str, Any]) -> dict[str, Any]:
        lines = [line for line in part["body"].splitlines() if json.loads(line).get("id") == key]
        return {**part, "body": "\n".join(lines) + "\n"}

    return only(golden["request"]), only(golden["response"])


def test_a_stored_picture_is_sent_and_its_answer_read_as_the_golden_file_says(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    key = "albums/sea/1.png"
    request, response = _one_record(_golden("records"), key)
    with _endpoint(response, monkeypatch) as (runtime, embedder):
        picture = embedder.embed_stored(fingerprint=FINGERPRINT, key=key)
    _assert_sent(runtime.invocations[0], request)
    answered = json.loads(response["body"])
    assert picture == PictureEmbedding(
        fingerprint=answered["fingerprint"],
        vector=tuple(answered["embedding"]),
        **answered["picture"],
    )
    assert '"' not in picture.etag


def test_what_s3_keeps_with_a_picture_and_its_caption_are_read_as_the_golden_file_says(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    key, golden = "albums/sea/1.png", _golden("records_with_metadata")
    of_picture, of_caption = golden["response"]["body"].splitlines()
    with _endpoint({**golden["response"], "body": of_picture}, monkeypatch) as (_, embedder):
        picture = embedder.embed_stored(fingerprint=FINGERPRINT, key=key)
    assert picture.user_metadata == golden["user_metadata"][key]
    caption = stored_text(of_caption.encode(), key=key)
    answered = json.loads(of_caption)
    assert caption == Embedding(fingerprint=answered["fingerprint"], vector=tuple(answered["embedding"]))


@pytest.mark.parametrize(
    ("key", "error"),
    [
        ("broken.jpg", errors.PictureCorruptError),
        ("gone.jpg", errors.SourceNotFoundError),
    ],
)
def test_the_fault_of_a_stored_picture_is_raised_as_the_golden_file_says(
    key: str, error: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    golden = _golden("records_with_faults")
    record = key.removesuffix(".jpg")
    (line,) = (
        each for each in golden["response"]["body"].splitlines() if json.loads(each).get("id") == record
    )
    answered = json.dumps(json.loads(line) | {"id": key}) + "\n"
    response = {**golden["response"], "body": answered}
    with _endpoint(response, monkeypatch) as (runtime, embedder), pytest.raises(error):
        embedder.embed_stored(fingerprint=FINGERPRINT, key=key)
    (sent,) = _meaning(runtime.invocations[0].content_type, runtime.invocations[0].body)
    requests = _meaning("application/jsonlines", _body(golden["request"]))
    assert sent["s3_uri"] == next(each for each in requests if each.get("id") == record)["s3_uri"]


EXPECTED = {
    "error_accept": errors.ModelProtocolError,
    "error_content_type": errors.ModelProtocolError,
    "error_internal": errors.ModelUnavailableError,
    "error_malformed_json": errors.ModelProtocolError,
    "error_no_items": errors.ModelProtocolError,
    "error_picture_corrupt": errors.PictureCorruptError,
    "error_picture_empty": errors.PictureEmptyError,
    "error_picture_too_many_pixels": errors.PictureTooManyPixelsError,
    "error_picture_unsupported_format": errors.PictureUnsupportedFormatError,
    "error_text_blank": errors.QueryEmptyError,
    "error_text_too_long": errors.TextTooLongError,
    "error_too_many_items": errors.ModelProtocolError,
    "error_unknown_field": errors.ModelProtocolError,
}


def test_every_error_of_the_golden_files_is_expected_here() -> None:
    assert {path.stem for path in PROTOCOL.glob("error_*.json")} == EXPECTED.keys()


@pytest.mark.parametrize("name", EXPECTED)
def test_an_error_answer_is_raised_as_its_error(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with _endpoint(_golden(name)["response"], monkeypatch) as (_, embedder), pytest.raises(EXPECTED[name]):
        embedder.embed(fingerprint=FINGERPRINT, texts=["a dog on a beach"])


def test_every_record_error_of_the_golden_files_is_raised_as_an_error_of_its_own_kind() -> None:
    for line in _golden("records_with_faults")["response"]["body"].splitlines():
        record = json.loads(line)
        if "error" in record and record["id"] is not None:
            for read in (stored_picture, stored_text):
                with pytest.raises(type(error_of(**record["error"]))):
                    read(line.encode(), key=record["id"])
