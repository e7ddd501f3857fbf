"""Run by `smoke.py` in a bare interpreter: load the handler of an unpacked artifact and ask it once.

Arguments: the artifact's folder, and a folder with the packages that the container brings. Exits with status
1 and a sentence where the answer is not one vector of length 1 for each of a text and a picture.
"""

import base64
import importlib
import io
import json
import math
import sys
from pathlib import Path
from typing import Any


class _Context:
    """What the model server passes to the handler, as far as the handler uses it."""

    status = 200

    def set_response_status(self, code: int = 200, phrase: str = "") -> None:  # noqa: ARG002
        """Remember the status of the answer."""
        self.status = code

    def get_all_request_header(self, _: int) -> dict[str, str]:
        """The headers of the request."""
        return {}


def _request() -> str:
    picture = io.BytesIO()
    image = importlib.import_module("PIL.Image")
    image.linear_gradient("L").save(picture, "PNG")
    encoded = base64.b64encode(picture.getvalue()).decode()
    return json.dumps({"texts": ["a photograph"], "images": [encoded]})


def _answer(model: Path) -> dict[str, Any]:
    handler, context = importlib.import_module("inference"), _Context()
    loaded = handler.model_fn(str(model))
    request = handler.input_fn(_request(), "application/json")
    body = handler.output_fn(handler.predict_fn(request, loaded), "application/json", context)
    if context.status != 200:
        sys.exit(f"the handler answers {context.status}: {body}")
    answer: dict[str, Any] = json.loads(body)
    return answer


def main(model: Path, container: Path) -> None:
    """Ask, and compare the answer with model.json."""
    sys.path[:0] = [str(model / "code"), str(container)]
    description = json.loads((model / "model.json").read_text("utf-8"))
    answer = _answer(model)
    if answer["fingerprint"] != description["fingerprint"]:
        sys.exit("the answer has another fingerprint than model.json")
    lengths = [math.hypot(*vector) for vector in answer["embeddings"]]
    sizes = [len(vector) for vector in answer["embeddings"]]
    if sizes != [description["dimension"]] * 2 or any(abs(length - 1) > 1e-3 for length in lengths):
        sys.exit(f"the answer has vectors of sizes {sizes} and lengths {lengths}")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
