"""The SageMaker adapter, with the real boto client against a runtime on loopback."""

import json
import threading
import time
from collections.abc import Callable

import boto3
import pytest

from imagesearch import errors
from imagesearch.adapters.sagemaker import SageMakerEmbedder, runtime_client
from imagesearch.adapters.sagemaker_errors import translate
from imagesearch.deadline import deadline
from tests.builders import FINGERPRINT
from tests.embedders import SOUND, embed_text, embedder_of, json_answer
from tests.sagemaker_runtime import Answer, Invocation, Runtime, refusal

PICTURE = b"\x89PNG..."


def _in_turn(*answers: Answer) -> Callable[[Invocation], Answer]:
    remaining = iter(answers)
    return lambda _: next(remaining)


def test_the_endpoint_is_the_one_of_the_fingerprint(runtime: Runtime) -> None:
    embed_text()
    assert runtime.invocations[0].path == "/endpoints/imagesearch-dev-5e5e5e5e5e5e/invocations"


def test_a_picture_is_sent_as_it_is(runtime: Runtime) -> None:
    embedder_of().embed(fingerprint=FINGERPRINT, pictures=[PICTURE])
    assert (runtime.invocations[0].content_type, runtime.invocations[0].body) == (
        "application/x-image",
        PICTURE,
    )


def test_a_key_is_never_taken_for_a_url(runtime: Runtime) -> None:
    key = 'Südsee/a b#1?x=%20&"quoted"\n.jpg'
    with pytest.raises(errors.ModelProtocolError):
        embedder_of().embed_stored(fingerprint=FINGERPRINT, key=key)
    (line,) = runtime.invocations[0].body.splitlines()
    assert json.loads(line) == {"id": key, "s3_uri": f"s3://pictures/{key}"}


@pytest.mark.parametrize("texts", [[], ["sea"]])
def test_a_picture_over_the_payload_limit_is_never_sent(runtime: Runtime, texts: list[str]) -> None:
    with pytest.raises(errors.UseUploadError, match="4000 bytes"):
        embedder_of().embed(fingerprint=FINGERPRINT, texts=texts, pictures=[bytes(4001)])
    with pytest.raises(errors.RequestTooLargeError):
        embedder_of(limit=20).embed(fingerprint=FINGERPRINT, texts=["a text of some length"])
    assert runtime.invocations == []


def test_a_picture_of_just_the_payload_limit_is_sent(runtime: Runtime) -> None:
    embedder_of().embed(fingerprint=FINGERPRINT, pictures=[bytes(4000)])
    assert len(runtime.invocations) == 1


def test_an_empty_picture_is_never_sent(runtime: Runtime) -> None:
    with pytest.raises(errors.PictureEmptyError):
        embedder_of().embed(fingerprint=FINGERPRINT, pictures=[b""])
    assert runtime.invocations == []


PASSING = [
    refusal(400, "ThrottlingException"),
    refusal(429, "ModelNotReadyException"),
    refusal(503, "ServiceUnavailable"),
    refusal(500, "InternalFailure"),
    refusal(530, "InternalDependencyException"),
    Answer(drop=True),
]


@pytest.mark.parametrize("trouble", PASSING, ids=lambda answer: answer.error_type or "dropped")
def test_trouble_that_passes_is_outlasted(runtime: Runtime, trouble: Answer) -> None:
    runtime.answer = _in_turn(trouble, trouble, json_answer(SOUND))
    pauses: list[float] = []
    embedder_of(pauses=pauses).embed(fingerprint=FINGERPRINT, texts=["sea"])
    assert len(runtime.invocations) == 3
    assert 0.05 <= pauses[0] <= 0.1 <= pauses[1] <= 0.2


@pytest.mark.parametrize("trouble", PASSING, ids=lambda answer: answer.error_type or "dropped")
def test_trouble_that_stays_is_unavailability_that_says_when_to_return(
    runtime: Runtime, trouble: Answer
) -> None:
    runtime.answer = lambda _: trouble
    with pytest.raises(errors.ModelUnavailableError) as caught:
        embed_text(timeout=1)
    assert caught.value.retry_after > 0


def test_retries_end_within_a_quarter_of_the_time(runtime: Runtime) -> None:
    runtime.answer = lambda _: refusal(400, "ThrottlingException")
    started = time.monotonic()
    embedder = SageMakerEmbedder(
        client=runtime_client(invoke_timeout_seconds=2),
        endpoint_prefix="imagesearch-dev-",
        bucket="pictures",
        max_payload_bytes=4000,
        invoke_timeout_seconds=2,
    )
    with pytest.raises(errors.ModelUnavailableError):
        embedder.embed(fingerprint=FINGERPRINT, texts=["sea"])
    assert time.monotonic() - started < 1
    assert 2 <= len(runtime.invocations) <= 5


def test_a_silent_endpoint_is_given_up_in_time_and_asked_once(runtime: Runtime) -> None:
    def slow(_: Invocation) -> Answer:
        late.wait(5)
        return json_answer(SOUND)

    late, started = threading.Event(), time.monotonic()
    runtime.answer = slow
    with pytest.raises(errors.ModelUnavailableError, match="in time") as caught:
        embed_text(timeout=0.4)
    assert time.monotonic() - started < 2
    late.set()
    assert (len(runtime.invocations), caught.value.retry_after) == (1, 30)


def test_no_call_outlasts_the_deadline_of_the_request(runtime: Runtime) -> None:
    def slow(_: Invocation) -> Answer:
        late.wait(20)
        return json_answer(SOUND)

    late, started = threading.Event(), time.monotonic()
    runtime.answer = slow
    with deadline(1.9), pytest.raises(errors.ModelUnavailableError, match="in time"):
        embed_text(timeout=20)
    assert time.monotonic() - started < 10
    late.set()
    assert len(runtime.invocations) == 1


def test_a_throttled_endpoint_is_asked_again_within_the_deadline_only(runtime: Runtime) -> None:
    runtime.answer = lambda _: refusal(400, "ThrottlingException")
    pauses: list[float] = []
    with deadline(1.9), pytest.raises(errors.ModelUnavailableError):
        embedder_of(timeout=60, pauses=pauses).embed(fingerprint=FINGERPRINT, texts=["sea"])
    assert sum(pauses) < 1.9


def test_nothing_is_sent_when_the_requests_time_is_over(runtime: Runtime) -> None:
    with deadline(0.1), pytest.raises(errors.DeadlineError):
        embed_text()
    assert runtime.invocations == []


def test_an_unreachable_service_is_unavailable(monkeypatch: pytest.MonkeyPatch, runtime: Runtime) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME", "http://127.0.0.1:9")
    with pytest.raises(errors.ModelUnavailableError, match="cannot be reached"):
        embed_text(timeout=0.5)


def test_a_missing_endpoint_says_what_to_do_and_is_asked_once(runtime: Runtime) -> None:
    runtime.answer = lambda _: refusal(400, "ValidationError", "Endpoint x of account 1 not found.")
    with pytest.raises(errors.ModelUnavailableError, match="deploy the model"):
        embed_text()
    assert len(runtime.invocations) == 1


@pytest.mark.parametrize(
    "answer",
    [refusal(400, "ValidationError", "1 validation error"), refusal(403, "AccessDeniedException")],
    ids=["invalid", "forbidden"],
)
def test_a_refusal_of_ours_is_no_unavailability(runtime: Runtime, answer: Answer) -> None:
    runtime.answer = lambda _: answer
    with pytest.raises(errors.ModelProtocolError):
        embed_text()
    assert len(runtime.invocations) == 1


def test_every_error_that_the_service_declares_is_translated() -> None:
    client = boto3.client("sagemaker-runtime", region_name="eu-central-1")
    operation = client.meta.service_model.operation_model("InvokeEndpoint")
    translated = {
        shape.name: type(
            translate(
                getattr(client.exceptions, shape.name)(
                    {
                        "Error": {"Code": shape.metadata.get("error", {}).get("code", shape.name)},
                        "ResponseMetadata": {"HTTPStatusCode": shape.metadata["error"]["httpStatusCode"]},
                    },
                    "InvokeEndpoint",
                ),
                "endpoint",
            )
        )
        for shape in operation.error_shapes
    }
    assert translated == {
        "InternalFailure": errors.ModelUnavailableError,
        "InternalDependencyException": errors.ModelUnavailableError,
        "ServiceUnavailable": errors.ModelUnavailableError,
        "ModelNotReadyException": errors.ModelUnavailableError,
        "ModelError": errors.ModelUnavailableError,
        "ValidationError": errors.ModelProtocolError,
    }
