"""An OpenSearch on loopback that answers what it is told, so that the real client can be asked."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from imagesearch.adapters.opensearch import OpenSearchVectorIndex
from imagesearch.adapters.opensearch_client import opensearch_client

Reply = int | dict[str, Any] | None
"""A body, a status that is an error, or an end of the connection without any answer."""


@dataclass
class Server:
    """The running server: the headers it was sent, and the pauses of who asks it by `index`."""

    answers: list[Reply]
    url: str = ""
    headers: list[dict[str, str]] = field(default_factory=list)
    pauses: list[float] = field(default_factory=list)

    def next(self) -> Reply:
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]

    def index(self) -> OpenSearchVectorIndex:
        client = opensearch_client(endpoint=self.url, engine="lucene", auth=None, pause=self.pauses.append)
        return OpenSearchVectorIndex(client=client, alias="images")


@contextmanager
def opensearch_server(*answers: Reply) -> Iterator[Server]:
    """Answer with one of these after the other, and with the last of them from then on."""
    state = Server(list(answers))

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"] or 0))
            state.headers.append(dict(self.headers))
            answer = state.next()
            if answer is None:
                self.close_connection = True
                return
            status, body = (200, answer) if isinstance(answer, dict) else (answer, {})
            content = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def do_POST(self) -> None:
            self.do_GET()

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        state.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield state
        finally:
            server.shutdown()
            thread.join()
