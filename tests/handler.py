"""The model's handler called as a model server calls it, for tests and for recording golden answers."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import inference


@dataclass
class ServerContext:
    """The part of a model server's context that the handler sees: it keeps the status that was set."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)

    def set_response_status(self, code: int = 200, phrase: str = "", idx: int = 0) -> None:
        """Keep the status; the phrase must fit a status line."""
        assert "\n" not in phrase
        self.status = code

    def get_all_request_header(self, idx: int) -> Mapping[str, str]:
        """The headers of the only request that there is."""
        assert idx == 0
        return self.headers


@dataclass(frozen=True)
class Response:
    """What a client of the model server sees."""

    status: int
    content_type: str
    body: str | bytes


def ask(
    model: Any,
    *,
    content_type: str | None,
    accept: str | None,
    body: str | bytes,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """The answer to one request, its body given as the generic toolkit does: str for JSON, else bytearray."""
    raw = body.encode() if isinstance(body, str) else body
    delivered = raw.decode() if content_type in {"application/json", "text/csv"} else bytearray(raw)
    context = ServerContext(headers=headers or {})
    request = inference.input_fn(delivered, content_type)
    prediction = inference.predict_fn(request, model)
    answer = inference.output_fn(prediction, accept or "application/json", context)
    return Response(context.status, accept or "application/json", answer)
