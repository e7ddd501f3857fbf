"""The thumbnail function: API Gateway's proxy events in, WebP out.

It asks for no key, so that pages can show thumbnails: S3 checks the signature that their links carry.
"""

import base64
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any

from imagesearch.entrypoints import thumbnail_wiring, wiring
from imagesearch.errors import RequestInvalidError
from imagesearch.thumbnails import SIZES, PictureLink, Thumbnails

Handler = Callable[[dict[str, Any], object], dict[str, Any]]

SECONDS_KEPT = 900
"""How long a browser may show a thumbnail without asking; links to it stay the same for as long."""


def build_handler(thumbnails: Callable[[], Thumbnails]) -> Handler:
    """Return the function's handler; `thumbnails` is asked on every request."""

    def handler(event: dict[str, Any], _: object) -> dict[str, Any]:
        """Answer one request; log its outcome, never its link."""
        request_id = str((event.get("requestContext") or {}).get("requestId") or "")
        wiring.logger().append_keys(request_id=request_id)
        try:
            answer = _picture(_thumbnail(thumbnails(), event), request_id)
        except Exception as error:  # noqa: BLE001 - each is answered, and those that are ours are logged
            answer = _failure(error, request_id)
        wiring.logger().info("answered", route=event.get("resource"), status=answer["statusCode"])
        return answer

    return handler


def _thumbnail(thumbnails: Thumbnails, event: Mapping[str, Any]) -> bytes:
    _check_accepted(event)
    parameters = dict(event.get("queryStringParameters") or {})
    size, key = parameters.pop("size", ""), parameters.pop("key", "")
    if size not in map(str, SIZES):
        raise RequestInvalidError(f"size: give one of {', '.join(map(str, SIZES))}.")
    image_id = str((event.get("pathParameters") or {}).get("id"))
    return thumbnails.thumbnail(image_id, PictureLink(key=key, signature=parameters), size=int(size))


def _check_accepted(event: Mapping[str, Any]) -> None:
    """Refuse who would be given the picture as base64: API Gateway judges by the first accepted type."""
    accepted = next((v for n, v in (event.get("headers") or {}).items() if n.lower() == "accept"), "")
    first = accepted.split(",")[0].split(";")[0].strip().lower()
    if not first.startswith("image/") or first == "image/*":
        raise RequestInvalidError("Send the header accept: image/webp; a browser's <img> does by itself.")


def _picture(content: bytes, request_id: str) -> dict[str, Any]:
    return {
        "statusCode": HTTPStatus.OK,
        "headers": {
            "content-type": "image/webp",
            "cache-control": f"private, max-age={SECONDS_KEPT}",
            "x-content-type-options": "nosniff",
            "x-request-id": request_id,
        },
        "body": base64.b64encode(content).decode(),
        "isBase64Encoded": True,
    }


def _failure(error: Exception, request_id: str) -> dict[str, Any]:
    # Late, because thumbnails need none of what describes the API's other answers.
    from imagesearch.entrypoints.rendering import error_answer, status_of

    if status_of(error) == HTTPStatus.INTERNAL_SERVER_ERROR:
        wiring.logger().error("failed", exc_info=error)
    answer = error_answer(error, request_id=request_id)
    headers = {**answer.headers, "cache-control": "no-store"}
    return {"statusCode": answer.status_code, "headers": headers, "body": answer.body}


handler = build_handler(thumbnail_wiring.thumbnails)
