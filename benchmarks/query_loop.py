"""Time the query function in a process of its own: `query_loop.py REQUESTS`, on the functions' asset.

Prints a JSON object: the milliseconds of its start, and those of every warm search. Needs the asset, and
boto3, which comes with Lambda's runtime.
"""

import json
import sys
import time
from typing import Any

K = (10, 100)


class Context:
    """What the function uses of Lambda's context."""

    def get_remaining_time_in_millis(self) -> int:
        """Return the milliseconds of a whole request."""
        return 28_000


def main() -> None:
    """Import the function, let it answer a first search, which builds its parts, and then many."""
    began = time.perf_counter()
    from imagesearch.entrypoints.query import handler

    imported = time.perf_counter()
    _ask(handler, k=K[0])
    answered = time.perf_counter()
    measured = {
        "import": _milliseconds(imported - began),
        "first_answer": _milliseconds(answered - began),
        "warm": [{f"k{k}": _ask(handler, k=k) for k in K} for _ in range(int(sys.argv[1]))],
    }
    sys.stdout.write(json.dumps(measured))


def _ask(handler: Any, *, k: int) -> dict[str, float]:
    """Return the milliseconds of a search, and those that it says it waited for the model and the index."""
    began = time.perf_counter()
    answer = handler(_event(k), Context())
    total = _milliseconds(time.perf_counter() - began)
    if answer["statusCode"] != 200:
        raise RuntimeError(answer["body"])
    body = json.loads(answer["body"])
    if len(body["hits"]) != k:
        raise RuntimeError(f"{len(body['hits'])} hits instead of {k}")
    return {"total": total, "waited": body["took_ms"]["encode"] + body["took_ms"]["search"]}


def _milliseconds(seconds: float) -> float:
    return seconds * 1000


def _event(k: int) -> dict[str, Any]:
    """Return what API Gateway hands over for `GET /search`."""
    query = {"q": "a dog on a beach", "k": str(k)}
    return {
        "httpMethod": "GET",
        "path": "/search",
        "resource": "/search",
        "headers": {"accept": "application/json"},
        "multiValueHeaders": {"accept": ["application/json"]},
        "queryStringParameters": query,
        "multiValueQueryStringParameters": {name: [value] for name, value in query.items()},
        "pathParameters": None,
        "requestContext": {"requestId": "benchmark", "stage": "prod"},
        "body": None,
        "isBase64Encoded": False,
    }


if __name__ == "__main__":
    main()
