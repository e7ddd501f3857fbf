"""What the query function itself takes: to start, and for a search, without the model and the index."""

import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from statistics import median
from typing import Any

import boto3

from benchmarks.documents import FINGERPRINT, image_of
from benchmarks.measuring import progress
from benchmarks.query_loop import K
from benchmarks.results import Aim, Figure, Ratio, Section
from imagesearch.adapters.opensearch_schema import picture_source
from imagesearch.models import Metadata
from stacks.components.functions.bundling import FUNCTIONS, LocalBundling
from stacks.components.functions.function_environment import query_environment
from stacks.settings import LOCAL

PART = "query_function"
REPEATS = 7
REQUESTS = 200
ALLOWED_MS = 5.0

_DIMENSION = 512
_HITS = 101
"""As many as a page's window asks for, whatever k is."""
_LOOP = Path(__file__).with_name("query_loop.py")
_SAID = Metadata(title="A dog", caption="A dog runs on a beach.", tags=("dog", "beach"))


def measure() -> Section:
    """Return milliseconds of the start, and of a warm search with ten hits and with a hundred."""
    runs = []
    with tempfile.TemporaryDirectory(prefix="imagesearch-bench-") as folder, recorded_services() as url:
        LocalBundling(LOCAL.functions, FUNCTIONS).try_bundle(folder, None)  # type: ignore[arg-type]
        with progress(PART, steps=REPEATS + 1) as say:
            for number in range(REPEATS + 1):
                say(f"round {number} of {REPEATS}" if number else "warm-up")
                runs.append(run_once(Path(folder), url))
    measured = figures(runs[1:])
    return Section(
        method=(
            "The functions' asset as it is deployed with the functions' Python, in a process of its own. "
            "import: until the function can be called. first_answer: until it has answered, its parts built. "
            f"overhead_kN: a warm search with N hits, the median of {REQUESTS} in a process. OpenSearch and "
            "the model's endpoint are one program on loopback that answers at once, from a recording of "
            f"{_HITS} documents, and the text's vector is remembered: it is all that the function does "
            "itself, its requests, their signatures and the reading of the answers included. rest_kN: what "
            "of it the answer's `took_ms` does not count as time for model and index."
        ),
        figures=tuple(measured.values()),
        ratios=(
            Ratio(
                name="query_overhead_fraction",
                numerator=measured["overhead_k10"],
                denominator=measured["overhead_allowed"],
                aim=Aim(value=1, is_most=True),
            ),
        ),
        facts={"requests": REQUESTS, "hits_of_the_index": _HITS},
    )


def run_once(asset: Path, url: str) -> Mapping[str, Any]:
    """Return what a process measures on this asset; at `url` OpenSearch and the endpoints answer."""
    environment = {
        **query_environment(LOCAL, url),
        "IMAGE_BUCKET": "pictures",
        "PATH": os.environ["PATH"],
        "PYTHONPATH": os.pathsep.join([str(asset), str(Path(boto3.__file__).parents[1])]),
        # A function cannot keep what it compiles, and this must not find it either.
        "PYTHONDONTWRITEBYTECODE": "1",
        "POWERTOOLS_SERVICE_NAME": "query",
        "LOG_LEVEL": "ERROR",
        "AWS_REGION": LOCAL.region,
        "AWS_DEFAULT_REGION": LOCAL.region,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_SESSION_TOKEN": "test",
        "AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME": url,
    }
    done = subprocess.run(
        [sys.executable, "-P", _LOOP, str(REQUESTS)], env=environment, stdout=subprocess.PIPE, check=True
    )
    measured: Mapping[str, Any] = json.loads(done.stdout)
    return measured


def figures(runs: list[Mapping[str, Any]]) -> dict[str, Figure]:
    """Return the figures of these runs."""
    values = {name: tuple(run[name] for run in runs) for name in ("import", "first_answer")}
    for k in K:
        warm = [[each[f"k{k}"] for each in run["warm"]] for run in runs]
        values[f"overhead_k{k}"] = tuple(median(each["total"] for each in asked) for asked in warm)
        values[f"rest_k{k}"] = tuple(
            median(each["total"] - each["waited"] for each in asked) for asked in warm
        )
    values["overhead_allowed"] = (ALLOWED_MS,)
    return {name: Figure(name=name, unit="ms", values=each) for name, each in values.items()}


@contextmanager
def recorded_services() -> Iterator[str]:
    """Answer for OpenSearch and for the model's endpoints, at one address; yields that."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Recorded) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def _recorded() -> Mapping[str, bytes]:
    """Return the answers by the last part of the path that is asked for."""
    meta = {"fingerprint": FINGERPRINT, "dimension": _DIMENSION, "space": LOCAL.index.space}
    hits = [
        {"_id": image.id, "_score": 0.9 - number / 1000, "_source": picture_source(image)}
        for number, image in ((number, replace(image_of(number), metadata=_SAID)) for number in range(_HITS))
    ]
    vector = [1.0] + [0.0] * (_DIMENSION - 1)
    answers = {
        "_mapping": {"images-1": {"mappings": {"_meta": meta}}},
        "_msearch": {"responses": [{"status": 200, "hits": {"hits": hits}}]},
        "invocations": {
            "fingerprint": FINGERPRINT,
            "dimension": _DIMENSION,
            "embeddings": [vector],
            "pictures": [None],
        },
    }
    return {name: json.dumps(answer).encode() for name, answer in answers.items()}


class _Recorded(BaseHTTPRequestHandler):
    """Answers at once what was recorded."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    answers = _recorded()

    def do_GET(self) -> None:
        """Send the recorded answer in one piece."""
        self.rfile.read(int(self.headers["Content-Length"] or 0))
        body = self.answers[self.path.partition("?")[0].rpartition("/")[2]]
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET  # noqa: N815

    def log_message(self, *_: object) -> None:
        """Say nothing."""
