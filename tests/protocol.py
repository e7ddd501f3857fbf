"""The golden requests and answers in tests/fixtures/protocol, and the real handler's answers to them.

`python -m tests.protocol` records the answers anew, for a change of the protocol that is meant.
"""

import base64
import json
import os
import tempfile
from pathlib import Path
from typing import Any
from unittest.mock import patch

import boto3
from moto import mock_aws

import inference
from tests.handler import Response, ask
from tests.tiny_model import write_tiny_model

FOLDER = Path(__file__).parent / "fixtures" / "protocol"

Golden = dict[str, Any]


def goldens() -> list[Golden]:
    """Every golden exchange, in the order of their names."""
    return [json.loads(path.read_text("utf-8")) for path in sorted(FOLDER.glob("*.json"))]


def body_of(message: Golden) -> str | bytes:
    """The body of a golden request or answer: text, or bytes where it is stored in base64."""
    encoded = message.get("body_base64")
    return message["body"] if encoded is None else base64.b64decode(encoded)


def answer(golden: Golden, folder: Path) -> Response:
    """The handler's answer to the golden request, from a tiny model in `folder`; S3 holds its objects."""
    write_tiny_model(folder, dimension=4)
    if golden.get("fault") == "tower":
        (folder / "text.onnx").write_bytes(b"not a model")
    environment = {"AWS_DEFAULT_REGION": "us-east-1"} | golden.get("environment", {})
    with patch.dict(os.environ, environment, clear=True), mock_aws():
        _put_objects(golden)
        request = golden["request"]
        return ask(
            inference.model_fn(str(folder)),
            content_type=request["content_type"],
            accept=request["accept"],
            body=body_of(request),
        )


def _put_objects(golden: Golden) -> None:
    s3 = boto3.client("s3")
    bucket = golden.get("environment", {}).get("IMAGE_BUCKET", "pictures")
    s3.create_bucket(Bucket=bucket)
    metadata = golden.get("user_metadata", {})
    for key, data in golden.get("objects", {}).items():
        s3.put_object(Bucket=bucket, Key=key, Body=base64.b64decode(data), Metadata=metadata.get(key, {}))


def _stored(body: str | bytes) -> Golden:
    return {"body": body} if isinstance(body, str) else {"body_base64": base64.b64encode(body).decode()}


def record() -> None:
    """Write the handler's present answers into the golden files."""
    for golden in goldens():
        with tempfile.TemporaryDirectory() as folder:
            response = answer(golden, Path(folder))
        golden["response"] = {"status": response.status, "content_type": response.content_type} | _stored(
            response.body
        )
        text = json.dumps(golden, indent=2, ensure_ascii=False)
        (FOLDER / f"{golden['name']}.json").write_text(text + "\n", "utf-8")


if __name__ == "__main__":
    record()
