"""Reading what an endpoint answers: sound answers are held by the golden files, unsound ones here."""

import json
import random
from typing import Any

import pytest

from imagesearch import errors
from imagesearch.adapters import opensearch_schema as schema
from imagesearch.adapters.sagemaker_answers import stored_picture, stored_text
from imagesearch.models import EmbeddedImage
from tests.answer_lines import line_bytes
from tests.builders import FINGERPRINT, an_image
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


UNSOUND = [
    *("1.00000000", "[", "]", "[]", "[[1.00000000]]", "[1.00000000", "1.00000000]", "[1.00000000]]"),
    *("[1.00000000,]", "[,1.00000000]", "[1.00000000,,1.00000000]", "[1.00000000 ,1.00000000]"),
    *("[ 1.00000000]", "[1.0000000]", "[1.000000000]", "[1]", "[.00000001]", "[01.00000000]", "[1e00000000]"),
    *(
        "[--1.00000000]",
        "[+1.00000000]",
        "[1.-0000000]",
        "[1.0000000-]",
        "[1.00000000-]",
        "[-]",
        "[1..0000000]",
    ),
    *("[NaN]", "[Infinity]", "[null]", '["1.00000000"]', "[1.00000000\n]", "[1.00000000\n,1.00000000]"),
    *("[\u0661.00000000]", "[0.00000000,-0.00000000]", '[1.00000000],"embedding":[1.00000000]'),
    '[1.00000000]}\n{"index":{"_id":"b"}}',
]
"""What a model might write for a vector, and what would spoil a bulk request as it stands."""

RECORD: dict[str, Any] = {
    "id": "a.png",
    "fingerprint": FINGERPRINT,
    "embedding": [0.0, 0.6, 0.0, -0.8],
    "picture": {"width": 6, "height": 4, "content_type": "image/png", "perceptual_hash": "80", "etag": "e"},
}


def _line(**changes: object) -> bytes:
    return line_bytes(RECORD | changes)


def _with_vector(text: str) -> bytes:
    """The record's line with this text where its vector was."""
    return _line().replace(b"[0.00000000,0.60000000,0.00000000,-0.80000000]", text.encode())


@pytest.mark.parametrize(
    "body",
    [
        b"",
        _line() + _line(),
        b"not json\n",
        _line(id="b.png"),
        _line(embedding="AAAAAJqZGT8AAAAAzcxMvw=="),
        _line(embedding=None),
        _line(embedding={}),
        _line(embedding=[]),
        _line(embedding=[0.0, -0.0]),
        _line(embedding=[10.0]),
        _line(embedding=[float("nan")]),
        *map(_with_vector, UNSOUND),
        _line(picture=RECORD["picture"] | {"embedding": [1]}),
        line_bytes({name: value for name, value in RECORD.items() if name != "embedding"}),
        json.dumps(RECORD).encode(),
        b'{"embedding":[1.00000000],' + _line()[1:],
        _line()[:-3],
        _line().replace(b"]", b""),
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
    [b"", _line(), _line(picture=None, id="b.png"), _line(picture=None, embedding=None), b'{"id":"a.png"}'],
)
def test_a_texts_record_of_another_shape_is_a_fault_of_the_protocol(body: bytes) -> None:
    with pytest.raises(errors.ModelProtocolError):
        stored_text(body, key="a.png")


LOOKS_LIKE_A_VECTOR = '"embedding":[1.00000000],"'


def test_a_vector_in_the_words_of_a_record_is_never_taken_for_its_own() -> None:
    record = RECORD | {
        "id": LOOKS_LIKE_A_VECTOR,
        "picture": RECORD["picture"]
        | {"content_type": LOOKS_LIKE_A_VECTOR, "user_metadata": {LOOKS_LIKE_A_VECTOR: LOOKS_LIKE_A_VECTOR}},
    }
    facts = {name: value for name, value in record.items() if name != "embedding"}
    vector = {"embedding": RECORD["embedding"]}
    first = line_bytes(vector).replace(b"{,", b"{")[:-2] + b"," + line_bytes(facts)[1:]
    for line in (line_bytes(record), first):
        picture = stored_picture(line, key=LOOKS_LIKE_A_VECTOR)
        assert picture.vector == (0.0, 0.6, 0.0, -0.8)
        assert (picture.content_type, picture.user_metadata) == (
            *(LOOKS_LIKE_A_VECTOR, {LOOKS_LIKE_A_VECTOR: LOOKS_LIKE_A_VECTOR}),
        )


def test_a_vector_is_read_from_lines_of_any_spacing_but_its_own() -> None:
    line = _line().replace(b'","', b'" , "')
    assert stored_picture(b"\r" + line, key="a.png") == stored_picture(_line(), key="a.png")


@pytest.mark.parametrize("seed", range(20))
def test_whatever_happens_to_a_line_gives_a_sound_document_or_a_fault_of_the_protocol(seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 - test data
    alphabet = b'0123456789.,-[]{}":\\\n \xff\x00eEN'
    sound, faults = 0, 0
    for _ in range(500):
        line = bytearray(_line())
        for _ in range(chance.randint(1, 3)):
            at = chance.randrange(len(line))
            line[at : at + chance.randint(0, 2)] = bytes(chance.choices(alphabet, k=chance.randint(0, 2)))
        try:
            picture = stored_picture(bytes(line), key="a.png")
        except errors.ModelProtocolError:
            faults += 1
            continue
        sound += 1
        document = EmbeddedImage(image=an_image("a.png"), vector=picture.vector)
        (written,) = schema.document_json(document).splitlines()
        assert json.loads(written)["embedding"] == list(picture.vector)
        assert any(picture.vector)
    assert sound
    assert faults


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
