"""The query function: API Gateway's proxy events in, JSON out."""

import time
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from aws_lambda_powertools.event_handler import APIGatewayRestResolver, Response
from aws_lambda_powertools.event_handler.exceptions import NotFoundError
from aws_lambda_powertools.utilities.typing import LambdaContext

from imagesearch.entrypoints import wiring
from imagesearch.entrypoints.api_types import HealthAnswer, ImageAnswer, SearchAnswer
from imagesearch.entrypoints.rendering import answer, detail_of, error_answer, status_of
from imagesearch.entrypoints.requests import query_of_body, query_of_parameters
from imagesearch.entrypoints.wiring import QueryParts
from imagesearch.errors import RequestInvalidError, RouteUnknownError
from imagesearch.models import Query

Handler = Callable[[dict[str, Any], LambdaContext], dict[str, Any]]


def build_handler(parts: Callable[[], QueryParts]) -> Handler:
    """Return the function's handler; `parts` is asked on the first request and may be asked on every one."""
    app = APIGatewayRestResolver()
    routes = _Routes(app, parts)
    app.post("/search")(routes.search)
    app.get("/search")(routes.search_text)
    app.get("/images/<image_id>")(routes.image)
    app.get("/health")(routes.health)
    app.not_found(routes.route_unknown)
    app.exception_handler(Exception)(routes.failed)

    def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
        """Answer one request; log its outcome, never its text or picture."""
        started = time.perf_counter()
        wiring.logger().append_keys(request_id=_request_id(event))
        response = app.resolve(event, context)
        wiring.logger().info(
            "answered",
            method=event["httpMethod"],
            route=event.get("resource"),
            status=response["statusCode"],
            took_ms=round((time.perf_counter() - started) * 1000, 1),
        )
        return response

    return handler


def _request_id(event: dict[str, Any]) -> str:
    """Return API Gateway's id of the request, which its own errors carry too."""
    return str((event.get("requestContext") or {}).get("requestId") or "")


class _Routes:
    """What each route does: parse, call, render."""

    def __init__(self, app: APIGatewayRestResolver, parts: Callable[[], QueryParts]) -> None:
        self._app = app
        self._parts = parts

    def search(self) -> Response[str]:
        limit = self._parts().max_request_bytes
        return self._found(query_of_body(self._event, max_request_bytes=limit))

    def search_text(self) -> Response[str]:
        return self._found(query_of_parameters(self._event))

    def image(self, image_id: str) -> Response[str]:
        searcher = self._parts().searcher
        document = searcher.picture(image_id)
        return answer(
            ImageAnswer.of(document, url=searcher.url(document.key)), request_id=_request_id(self._event)
        )

    def health(self) -> Response[str]:
        parts = self._parts()
        health = HealthAnswer.of(parts.searcher.state(), attributes=parts.attributes)
        return answer(health, request_id=_request_id(self._event))

    def route_unknown(self, _: NotFoundError) -> Response[str]:
        return self.failed(RouteUnknownError("There is no such route; see POST /search and GET /search?q=."))

    def failed(self, error: Exception) -> Response[str]:
        """Render any error; only what is ours to mend goes into the log with its traceback."""
        if status_of(error) == HTTPStatus.INTERNAL_SERVER_ERROR:
            wiring.logger().error("failed", exc_info=error)
        else:
            wiring.logger().info("refused", code=detail_of(error).code)
        return error_answer(error, request_id=_request_id(self._event))

    @property
    def _event(self) -> dict[str, Any]:
        return self._app.current_event.raw_event

    def _found(self, query: Query) -> Response[str]:
        parts = self._parts()
        if query.k > parts.max_results:
            raise RequestInvalidError(f"k: at most {parts.max_results} results can be asked for.")
        result = parts.searcher.search(query)
        return answer(SearchAnswer.of(result), request_id=_request_id(self._event))


handler = build_handler(wiring.query_parts)
