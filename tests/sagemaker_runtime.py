"""A SageMaker runtime on loopback that answers as AWS does, so that the real boto client can be asked."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Invocation:
    """What the runtime was asked."""

    path: str
    content_type: str
    accept: str
    body: bytes
    custom_attributes: str | None = None


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What the runtime answers; `drop` ends the connection instead."""

    status: int = 200
    content_type: str = "application/json"
    body: bytes = b""
    error_type: str | None = None
    drop: bool = False


def model_error(status: int, message: str) -> Answer:
    """What SageMaker makes of a container's answer other than 2xx."""
    body = {
        "ErrorCode": "CLIENT_ERROR_FROM_MODEL" if status < 500 else "SERVER_ERROR_FROM_MODEL",
        "Message": f'Received error ({status}) from primary with message "{message}".',
        "OriginalMessage": message,
        "OriginalStatusCode": status,
    }
    return Answer(status=424, body=json.dumps(body).encode(), error_type="ModelError")


def refusal(status: int, error_type: str, message: str = "") -> Answer:
    """An error of SageMaker's own."""
    return Answer(status=status, body=json.dumps({"Message": message}).encode(), error_type=error_type)


@dataclass
class Runtime:
    """The running server: `answer` is asked for each invocation; they are all kept."""

    answer: Callable[[Invocation], Answer]
    url: str = ""
    invocations: list[Invocation] = field(default_factory=list)


@contextmanager
def sagemaker_runtime(answer: Callable[[Invocation], Answer]) -> Iterator[Runtime]:
    """Serve on a free port until the block ends."""
    runtime = Runtime(answer=answer)
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(runtime))
    runtime.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield runtime
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _handler(runtime: Runtime) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"] or 0))
            invocation = Invocation(
                path=self.path,
                content_type=self.headers["Content-Type"],
                accept=self.headers["Accept"],
                body=body,
                custom_attributes=self.headers["X-Amzn-SageMaker-Custom-Attributes"],
            )
            runtime.invocations.append(invocation)
            answer = runtime.answer(invocation)
            if answer.drop:
                self.close_connection = True
                return
            with suppress(ConnectionError):  # a client that gave up has gone
                self._write(answer)

        def _write(self, answer: Answer) -> None:
            self.send_response(answer.status)
            self.send_header("Content-Type", answer.content_type)
            self.send_header("Content-Length", str(len(answer.body)))
            if answer.error_type:
                self.send_header("x-amzn-ErrorType", answer.error_type)
            self.end_headers()
            self.wfile.write(answer.body)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class calls it so
            """Say nothing: the tests look at `invocations`."""

    return Handler
