"""The query function: API Gateway's proxy events in, JSON out."""

import json
import re
import time
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any

from aws_lambda_powertools.event_handler import APIGatewayRestResolver, Response
from aws_lambda_powertools.event_handler.exceptions import NotFoundError
from aws_lambda_powertools.utilities.typing import LambdaContext

from imagesearch.deadline import deadline
from imagesearch.entrypoints import observing, wiring
from imagesearch.entrypoints.answer_types import (
    HealthAnswer,
    ImageAnswer,
    ModelState,
    SearchAnswer,
    UploadAnswer,
)
from imagesearch.entrypoints.query_figures import figure_of, figures_of
from imagesearch.entrypoints.rendering import answer, detail_of, error_answer, json_answer, status_of
from imagesearch.entrypoints.request_types import ID_PATTERN
from imagesearch.entrypoints.requests import (
    query_of_body,
    query_of_parameters,
    refuse_parameters,
    similar_query,
    upload_request,
)
from imagesearch.entrypoints.routes import ROUTES, Route
from imagesearch.entrypoints.wiring import QueryParts
from imagesearch.errors import (
    ImageUnknownError,
    ModelUnavailableError,
    RequestInvalidError,
    RouteUnknownError,
)
from imagesearch.filters import fields_of
from imagesearch.ports import Metrics
from imagesearch.queries import IndexedExample, Query

_SPARE_SECONDS = 0.5
"""For the answer itself: a function that is stopped by its time-out answers nothing."""

Handler = Callable[[dict[str, Any], LambdaContext], dict[str, Any]]


def build_handler(
    parts: Callable[[], QueryParts], metrics: Callable[[], Metrics] = observing.metrics
) -> Handler:
    """Return the function's handler; `parts` is asked on the first request and may be asked on every one."""
    app = APIGatewayRestResolver()
    answers = _Answers(app, parts, metrics)
    for route in ROUTES:
        if route.function == "query":
            app.route(route.path.replace("{id}", "<image_id>"), route.method)(answers.of(route))
    app.not_found(answers.route_unknown)
    app.exception_handler(Exception)(answers.failed)

    def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
        """Answer one request; log its outcome, never its text or picture."""
        started, request_id = time.perf_counter(), _request_id(event)
        with observing.working_on(request_id, request_id=request_id):
            with deadline(context.get_remaining_time_in_millis() / 1000 - _SPARE_SECONDS):
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


class _Answers:
    """What each route does: parse, call, render."""

    def __init__(
        self,
        app: APIGatewayRestResolver,
        parts: Callable[[], QueryParts],
        metrics: Callable[[], Metrics],
    ) -> None:
        self._app = app
        self._parts = parts
        self._metrics = metrics
        self._model: ModelState = "unknown"

    def of(self, route: Route) -> Callable[..., Response[str]]:
        """Return what answers a route; one without is a fault that the first start shows."""
        operations: Mapping[str, Callable[..., Response[str]]] = {
            "search": self._search,
            "search_text": self._search_text,
            "image": self._image,
            "similar": self._similar,
            "upload": self._upload,
            "health": self._health,
            "openapi": self._openapi,
        }
        return operations[route.operation]

    def route_unknown(self, _: NotFoundError) -> Response[str]:
        return self.failed(RouteUnknownError("There is no such route; GET /openapi.json names them all."))

    def failed(self, error: Exception) -> Response[str]:
        """Render any error; only what is ours to mend goes into the log with its traceback."""
        if status_of(error) == HTTPStatus.INTERNAL_SERVER_ERROR:
            wiring.logger().error("failed", exc_info=error)
        else:
            wiring.logger().info("refused", code=detail_of(error).code)
        self._metrics().record({figure_of(error): 1})
        return error_answer(error, request_id=self._request_id)

    def _search(self) -> Response[str]:
        parts = self._parts()
        fields = fields_of(parts.attributes)
        return self._found(
            query_of_body(self._event, fields=fields, max_request_bytes=parts.max_request_bytes)
        )

    def _search_text(self) -> Response[str]:
        return self._found(query_of_parameters(self._event))

    def _image(self, image_id: str) -> Response[str]:
        refuse_parameters(self._event)
        searcher = self._parts().searcher
        document = searcher.picture(_checked(image_id))
        links = searcher.links(document.key)
        return answer(ImageAnswer.of(document, links=links), request_id=self._request_id)

    def _similar(self, image_id: str) -> Response[str]:
        key = self._parts().searcher.picture(_checked(image_id)).key
        return self._found(similar_query(self._event, document_id=image_id, key=key))

    def _upload(self) -> Response[str]:
        parts = self._parts()
        asked = upload_request(self._event, max_request_bytes=parts.max_request_bytes)
        if asked.key is None:
            upload = parts.uploads.for_query(content_type=asked.content_type, size=asked.size)
        else:
            upload = parts.uploads.for_library(asked.key, content_type=asked.content_type, size=asked.size)
        return answer(UploadAnswer.of(upload, for_query=asked.key is None), request_id=self._request_id)

    def _health(self) -> Response[str]:
        refuse_parameters(self._event)
        parts = self._parts()
        health = HealthAnswer.of(parts.searcher.state(), attributes=parts.attributes, model=self._model)
        return answer(health, request_id=self._request_id)

    def _openapi(self) -> Response[str]:
        refuse_parameters(self._event)
        from imagesearch.entrypoints.openapi import document

        told = document(self._parts().authorisation)
        return json_answer(json.dumps(told, ensure_ascii=False), request_id=self._request_id)

    @property
    def _event(self) -> dict[str, Any]:
        return self._app.current_event.raw_event

    @property
    def _request_id(self) -> str:
        return _request_id(self._event)

    def _found(self, query: Query) -> Response[str]:
        parts = self._parts()
        if query.k > parts.max_results:
            raise RequestInvalidError(f"k: at most {parts.max_results} results can be asked for.")
        try:
            result = parts.searcher.search(query)
        except ModelUnavailableError:
            self._model = "unavailable"
            raise
        if not all(isinstance(wish.example, IndexedExample) for wish in query.wishes):
            self._model = "ok"
        self._metrics().record(figures_of(result.took_ms))
        return answer(SearchAnswer.of(result, query), request_id=self._request_id)


def _checked(image_id: str) -> str:
    """Return an id that is one. Raises ImageUnknownError for what can be no picture's."""
    if not re.match(ID_PATTERN, image_id):
        raise ImageUnknownError("No picture has this id: ids are 32 hexadecimal digits in small letters.")
    return image_id


handler = build_handler(wiring.query_parts)
