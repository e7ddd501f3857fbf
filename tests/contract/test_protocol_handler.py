"""The handler answers every golden request with the golden answer; the Lambda's side reads the same files."""

import io
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from clip_inference.errors import HTTP_STATUS
from tests.protocol import Golden, answer, body_of, goldens


def documents(content_type: str, body: str | bytes) -> Any:
    """The body as values; vectors as arrays, as their last bits may differ between machines."""
    if isinstance(body, bytes):
        return np.load(io.BytesIO(body))
    lines = [json.loads(line) for line in body.splitlines()]
    for line in lines:
        if "embedding" in line:
            line["embedding"] = np.array(line["embedding"], np.float32)
    return lines


def assert_same(given: Any, golden: Any) -> None:
    if isinstance(golden, dict):
        assert given.keys() == golden.keys()
        for name, value in golden.items():
            assert_same(given[name], value)
    elif isinstance(golden, list):
        assert len(given) == len(golden)
        for one, other in zip(given, golden, strict=True):
            assert_same(one, other)
    elif isinstance(golden, float | np.ndarray):
        np.testing.assert_allclose(np.asarray(given), np.asarray(golden), atol=1e-5)
    else:
        assert given == golden


def vectors(golden: Golden) -> NDArray[np.float32]:
    """The vectors (n, 4) in a successful golden answer."""
    found = documents(golden["response"]["content_type"], body_of(golden["response"]))
    if isinstance(found, np.ndarray):
        return found
    rows = [
        row
        for line in found
        for row in line.get("embeddings", [line["embedding"]] if "embedding" in line else [])
    ]
    return np.array(rows, np.float32)


@pytest.mark.parametrize("golden", goldens(), ids=lambda golden: golden["name"])
def test_handler_answers_the_golden_request_with_the_golden_answer(
    golden: Golden, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.environ", {})
    expected = golden["response"]
    response = answer(golden, tmp_path)
    assert response.status == expected["status"]
    assert response.content_type == expected["content_type"]
    assert_same(
        documents(response.content_type, response.body),
        documents(expected["content_type"], body_of(expected)),
    )


@pytest.mark.parametrize(
    "golden",
    [golden for golden in goldens() if golden["response"]["content_type"] == "application/jsonlines"],
    ids=lambda golden: golden["name"],
)
def test_lines_are_written_to_the_byte_as_the_golden_ones_but_for_the_numbers_of_vectors(
    golden: Golden, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.environ", {})
    given, expected = str(answer(golden, tmp_path).body), str(body_of(golden["response"]))
    number = re.compile(r"(?<=[\[,])-?\d\.\d{8}(?=[\],])")
    assert number.search(expected) or "error" in expected
    assert number.sub("0", given) == number.sub("0", expected)


@pytest.mark.parametrize(
    "golden",
    [golden for golden in goldens() if golden["response"]["status"] == 200],
    ids=lambda golden: golden["name"],
)
def test_golden_vectors_have_length_one(golden: Golden) -> None:
    np.testing.assert_allclose(np.linalg.norm(vectors(golden), axis=1), 1, atol=1e-6)


def test_goldens_show_every_error_code_that_needs_no_broken_bucket_and_no_hostile_picture() -> None:
    shown = {
        code for code in HTTP_STATUS if any(f'"{code}"' in str(body_of(g["response"])) for g in goldens())
    }
    assert set(HTTP_STATUS) - shown == {"source_too_large", "source_unavailable", "picture_too_costly"}
