"""The whole handler on real ONNX towers, called as a model server calls it."""

import base64
import io
import json
import os
import subprocess
import sys
from inspect import signature
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import inference
from clip_inference.encoder import Encoder
from clip_inference.errors import HTTP_STATUS, InferenceError
from clip_inference.payloads import MAX_ITEMS
from clip_inference.service import BATCH
from clip_inference.sources import MAX_USER_METADATA_CHARACTERS
from clip_inference.tokenizer import TextTokenizer
from stacks.limits import REAL_TIME_PAYLOAD, max_dimension
from tests import pictures
from tests.handler import Response, ask
from tests.tiny_model import FINGERPRINT, write_tiny_model

KINDS = ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "HEIF", "AVIF"]
# Of S3, in bytes.
LONGEST_KEY = 1024
JSON, LINES, NPY = "application/json", "application/jsonlines", "application/x-npy"


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return inference.model_fn(str(write_tiny_model(tmp_path_factory.mktemp("model"))))


def base64_of(data: bytes) -> str:
    return base64.b64encode(data).decode()


def vector_of(model: Any, picture: bytes) -> NDArray[np.float32]:
    response = ask(model, content_type="image/*", accept=NPY, body=picture)
    assert response.status == 200
    assert isinstance(response.body, bytes)
    (vector,) = np.load(io.BytesIO(response.body))
    return np.asarray(vector, np.float32)


def lines_of(response: Response) -> list[Any]:
    assert response.status == 200
    return [json.loads(line) for line in str(response.body).splitlines()]


def error_code(response: Response) -> str:
    return str(json.loads(response.body)["error"]["code"])


def test_texts_and_pictures_are_answered_in_order(model: Any) -> None:
    body = json.dumps({"texts": ["a dog", "a cat"], "images": [base64_of(pictures.png())]})
    answer = json.loads(ask(model, content_type=JSON, accept=JSON, body=body).body)
    assert (answer["fingerprint"], answer["dimension"]) == (FINGERPRINT, 32)
    assert np.array(answer["embeddings"]).shape == (3, 32)
    assert answer["pictures"][:2] == [None, None]
    facts = answer["pictures"][2]
    assert (facts["width"], facts["height"], facts["content_type"]) == (96, 64, "image/png")
    assert "etag" not in facts


@pytest.mark.parametrize("orientation", range(2, 9))
def test_copy_turned_by_exif_has_the_same_vector_and_size(model: Any, orientation: int) -> None:
    turned = pictures.exif_rotated(orientation)
    assert vector_of(model, turned) @ vector_of(model, pictures.jpeg()) >= 0.999
    answer = json.loads(ask(model, content_type="image/jpeg", accept=JSON, body=turned).body)
    assert (answer["pictures"][0]["width"], answer["pictures"][0]["height"]) == (96, 64)


def test_copy_turned_without_exif_has_another_vector(model: Any) -> None:
    turned = pictures.encoded(pictures.scene().rotate(90, expand=True), "PNG")
    assert vector_of(model, turned) @ vector_of(model, pictures.png()) < 0.99


def test_picture_has_one_vector_in_every_request_form(model: Any) -> None:
    alone = vector_of(model, pictures.png())
    body = json.dumps({"images": [base64_of(pictures.png(seed=seed)) for seed in (1, 0, 2)]})
    batch = json.loads(ask(model, content_type=JSON, accept=JSON, body=body).body)["embeddings"]
    line = json.dumps({"id": "a", "image": base64_of(pictures.png())})
    (answered,) = lines_of(ask(model, content_type=LINES, accept=LINES, body=line))
    np.testing.assert_allclose(batch[1], alone, atol=1e-6)
    np.testing.assert_allclose(answered["embedding"], alone, rtol=0, atol=0.5e-8)


def test_largest_batch_keeps_order_around_bad_records(model: Any) -> None:
    good = [{"id": f"{seed}", "image": base64_of(pictures.png(seed=seed))} for seed in range(70)]
    texts = [{"id": f"t{place}", "text": f"a dog {'on ' * (place % 9)}"} for place in range(70)]
    bad = [{"id": f"bad{place}", "image": base64_of(pictures.corrupt())} for place in range(70)]
    mixed = [record for triple in zip(good, bad, texts, strict=True) for record in triple]
    body = "\n".join(json.dumps(record) for record in mixed)
    answers = lines_of(ask(model, content_type=LINES, accept=LINES, body=body))
    assert [answer["id"] for answer in answers] == [record["id"] for record in mixed]
    assert {answer["error"]["code"] for answer in answers[1::3]} == {"picture_corrupt"}
    for seed in (0, 33, 69):
        alone = vector_of(model, pictures.png(seed=seed))
        np.testing.assert_allclose(answers[3 * seed]["embedding"], alone, atol=1e-6)


def test_bad_base64_costs_its_own_line_only(model: Any) -> None:
    images = [base64_of(pictures.png()), "not base64!", base64_of(pictures.png(seed=1))]
    body = "\n".join(json.dumps({"id": str(place), "image": image}) for place, image in enumerate(images))
    first, bad, last = lines_of(ask(model, content_type=LINES, accept=LINES, body=body))
    assert bad["error"]["code"] == "request_invalid"
    assert "embedding" in first
    assert "embedding" in last


@pytest.mark.parametrize(("tower", "field"), [("encode_images", "images"), ("encode_texts", "texts")])
def test_towers_never_get_more_than_one_batch_at_once(
    model: Any, monkeypatch: pytest.MonkeyPatch, tower: str, field: str
) -> None:
    encode, sizes = getattr(Encoder, tower), []

    def counted(self: Encoder, batch: Any) -> Any:
        vectors = encode(self, batch)
        sizes.append(len(vectors))
        return vectors

    monkeypatch.setattr(Encoder, tower, counted)
    item = base64_of(pictures.png()) if field == "images" else "a dog"
    response = ask(model, content_type=JSON, accept=JSON, body=json.dumps({field: [item] * (2 * BATCH + 1)}))
    assert response.status == 200
    assert sizes == [BATCH, BATCH, 1]


def test_texts_of_a_batch_are_alike_in_length_and_answered_in_order(
    model: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def embeddings(texts: list[str]) -> list[Any]:
        response = ask(model, content_type=JSON, accept=JSON, body=json.dumps({"texts": texts}))
        vectors: list[Any] = json.loads(response.body)["embeddings"]
        return vectors

    encode, lengths = TextTokenizer.encode, list[set[int]]()

    def seen(self: TextTokenizer, texts: list[str]) -> Any:
        lengths.append({len(text) for text in texts})
        return encode(self, texts)

    texts = ["a dog " * (20 if place % 2 else 1) for place in range(2 * BATCH)]
    (short,), (long,) = embeddings(texts[:1]), embeddings(texts[1:2])
    monkeypatch.setattr(TextTokenizer, "encode", seen)
    answered = embeddings(texts)
    assert lengths == [{len(texts[0])}, {len(texts[1])}]
    np.testing.assert_allclose(answered[::2], [short] * BATCH, atol=1e-6)
    np.testing.assert_allclose(answered[1::2], [long] * BATCH, atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_damaged_pictures_get_a_vector_or_their_own_error_and_the_server_lives_on(
    model: Any, kind: str
) -> None:
    whole = pictures.encoded(pictures.scene().quantize(64) if kind == "GIF" else pictures.scene(), kind)
    random = np.random.default_rng(len(kind) + sum(kind.encode()))
    damaged = [pictures.damaged(whole, random) for _ in range(MAX_ITEMS // 4)]
    body = "\n".join(
        json.dumps({"id": str(place), "image": base64_of(data)}) for place, data in enumerate(damaged)
    )
    answers = lines_of(ask(model, content_type=LINES, accept=LINES, body=body))
    assert [answer["id"] for answer in answers] == [str(place) for place in range(len(damaged))]
    codes = {answer["error"]["code"] for answer in answers if "error" in answer}
    assert codes <= {code for code in HTTP_STATUS if code.startswith("picture_")}
    assert vector_of(model, pictures.png()).shape == (32,)


def test_largest_request_of_the_longest_vectors_and_ids_fits_into_an_answer(tmp_path: Path) -> None:
    """The container is told to answer no more than this (`MMS_MAX_RESPONSE_SIZE`)."""
    longest = max_dimension()
    assert longest > 1152, "the widest model of the CLIP family, SigLIP so400m"
    model = inference.model_fn(str(write_tiny_model(tmp_path, dimension=longest)))
    image = base64_of(pictures.png((8, 8)))
    records = [json.dumps({"id": "ü" * (LONGEST_KEY // 2), "image": image}) for _ in range(MAX_ITEMS)]
    lines = ask(model, content_type=LINES, accept=LINES, body="\n".join(records))
    assert len(lines_of(lines)) == MAX_ITEMS
    images = ask(model, content_type=JSON, accept=JSON, body=json.dumps({"images": [image] * MAX_ITEMS}))
    assert len(json.loads(images.body)["embeddings"]) == MAX_ITEMS
    metadata = MAX_ITEMS * MAX_USER_METADATA_CHARACTERS
    missing_signs = MAX_ITEMS * longest - str(lines.body).count("-0.")
    assert len(str(lines.body).encode()) + missing_signs + metadata < REAL_TIME_PAYLOAD.value
    assert len(str(images.body).encode()) < REAL_TIME_PAYLOAD.value
    refused = ask(model, content_type=LINES, accept=LINES, body="\n".join([*records, records[0]]))
    assert (refused.status, error_code(refused)) == (413, "request_too_many_items")


def test_bad_item_is_named_in_the_error_of_the_whole_request(model: Any) -> None:
    body = json.dumps({"texts": ["a dog", " "]})
    response = ask(model, content_type=JSON, accept=JSON, body=body)
    assert (response.status, error_code(response)) == (400, "text_blank")
    assert json.loads(response.body)["error"]["message"].startswith("texts[1]: ")


@pytest.mark.parametrize(
    "accept", [None, "", "*/*", "application/*", "application/json;q=0.9", "text/html, */*"]
)
def test_json_answers_every_accept_that_allows_it(model: Any, accept: str | None) -> None:
    response = ask(model, content_type=JSON, accept=accept, body='{"inputs": "a dog"}')
    assert len(json.loads(response.body)["embeddings"]) == 1


@pytest.mark.parametrize("accept", [None, "*/*", JSON, LINES])
def test_lines_are_answered_in_lines_whatever_the_server_puts_into_accept(
    model: Any, accept: str | None
) -> None:
    body = '{"id": "a", "text": "a dog"}\n{"id": "b", "text": "a cat"}'
    assert [line["id"] for line in lines_of(ask(model, content_type=LINES, accept=accept, body=body))] == [
        "a",
        "b",
    ]


@pytest.mark.parametrize(("content_type", "accept"), [(JSON, LINES), (JSON, "text/csv"), (LINES, NPY)])
def test_impossible_accept_is_refused_with_406(model: Any, content_type: str, accept: str) -> None:
    body = '{"inputs": "a dog"}' if content_type == JSON else '{"id": "a", "text": "a dog"}'
    response = ask(model, content_type=content_type, accept=accept, body=body)
    assert (response.status, error_code(response)) == (406, "accept_unsupported")


def test_text_query_does_not_open_the_image_tower(tmp_path: Path) -> None:
    folder = write_tiny_model(tmp_path)
    (folder / "image.onnx").write_bytes(b"not a model")
    model = inference.model_fn(str(folder))
    assert ask(model, content_type=JSON, accept=JSON, body='{"inputs": "a dog"}').status == 200
    assert ask(model, content_type="image/png", accept=JSON, body=pictures.png()).status == 500


def test_failing_tower_is_internal_on_its_lines_only(tmp_path: Path) -> None:
    folder = write_tiny_model(tmp_path)
    (folder / "image.onnx").write_bytes(b"not a model")
    body = "\n".join(
        json.dumps(record)
        for record in ({"id": "text", "text": "a dog"}, {"id": "image", "image": base64_of(pictures.png())})
    )
    text, image = lines_of(ask(inference.model_fn(str(folder)), content_type=LINES, accept=LINES, body=body))
    assert "embedding" in text
    assert image["error"]["code"] == "internal"


@pytest.mark.parametrize("missing", ["model.json", "tokenizer.json", "image.onnx", "text.onnx"])
def test_unusable_artifact_answers_500_without_details(
    tmp_path: Path, missing: str, caplog: pytest.LogCaptureFixture
) -> None:
    folder = write_tiny_model(tmp_path)
    (folder / missing).unlink()
    response = ask(
        inference.model_fn(str(folder)), content_type=JSON, accept=JSON, body='{"inputs": "a dog"}'
    )
    assert (response.status, error_code(response)) == (500, "internal")
    assert "Traceback" not in str(response.body)
    assert missing not in str(response.body)
    assert missing in caplog.text


def test_unreadable_request_is_told_before_an_unusable_artifact(tmp_path: Path) -> None:
    response = ask(inference.model_fn(str(tmp_path)), content_type=JSON, accept=JSON, body="{")
    assert response.status == 400


def test_functions_have_the_arity_that_both_toolkits_count() -> None:
    """With exactly one parameter more than its arguments a function is given the context."""
    arity = {
        name: len(signature(getattr(inference, name)).parameters)
        for name in dir(inference)
        if name.endswith("_fn")
    }
    assert arity == {"model_fn": 1, "input_fn": 2, "predict_fn": 2, "output_fn": 3}


def test_every_error_has_a_status() -> None:
    def tree(error: type[InferenceError]) -> set[str]:
        return {error.code}.union(*map(tree, error.__subclasses__()))

    assert tree(InferenceError) == set(HTTP_STATUS)


def test_texts_start_no_decoder_and_pictures_do(tmp_path: Path) -> None:
    script = f"""
import psutil
from tests import pictures
from tests.handler import ask
import inference
model = inference.model_fn({str(write_tiny_model(tmp_path))!r})
for kind, body in (("application/json", '{{"inputs": "a dog"}}'), ("image/png", pictures.png())):
    assert ask(model, content_type=kind, accept=None, body=body).status == 200
    print(len(psutil.Process().children()))
"""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    run = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True
    )
    assert run.stdout.split() == ["0", "1"]


def test_handler_loads_neither_torch_nor_boto3() -> None:
    script = "import inference, sys; print({'torch', 'transformers', 'boto3', 'botocore'} & set(sys.modules))"
    root = Path(inference.__file__).parent
    environment = os.environ | {"PYTHONPATH": str(root)}
    run = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True
    )
    assert run.stdout.strip() == "set()"


@pytest.mark.parametrize(
    ("headers", "told"),
    [
        ({"X-Amzn-SageMaker-Custom-Attributes": "request-1"}, "request-1"),
        ({"x-amzn-sagemaker-custom-attributes": "request-1"}, "request-1"),
        ({"Content-Type": "x"}, "None"),
    ],
)
def test_a_refused_request_is_logged_under_its_callers_id(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, headers: dict[str, str], told: str
) -> None:
    model = inference.model_fn(str(write_tiny_model(tmp_path)))
    ask(model, content_type=JSON, accept=JSON, body="{", headers=headers)
    assert [record.getMessage() for record in caplog.records if record.name == "inference"] == [
        f"refused: request_invalid (request {told})"
    ]


def test_a_request_that_is_answered_is_not_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    model = inference.model_fn(str(write_tiny_model(tmp_path)))
    assert ask(model, content_type=JSON, accept=JSON, body='{"inputs": "a dog"}').status == 200
    assert [record for record in caplog.records if record.name == "inference"] == []
