"""How long requests to OpenSearch wait, and which are made again."""

from collections.abc import Callable, Collection, Mapping, MutableMapping, Sequence
from typing import Any

from opensearchpy import ConnectionError as OpenSearchConnectionError
from opensearchpy import ConnectionTimeout, Transport, TransportError

from imagesearch.adapters.retrying import persistently
from imagesearch.correlation import correlation_id
from imagesearch.deadline import deadline, seconds_left

_TIMEOUT_SECONDS = 10
_CONNECT_SECONDS = 2.0
_CONNECT_SHARE = 0.25
_PASSING = {429, 502, 503, 504}


class PatientTransport(Transport):
    """Makes a request again, after growing random pauses, where OpenSearch is overloaded or not reached.

    Each request says with `request_timeout` how many seconds it may take with all its attempts, unless the
    deadline is sooner. What timed out is not tried again: it may still be at work. Nor are bulk requests:
    who sends them waits longer, and sends again only what was not written. Each carries the id of what is
    being worked on, which OpenSearch writes into its slow logs and shows with its tasks.
    """

    def __init__(self, hosts: Any, *, pause: Callable[[float], None], **kwargs: Any) -> None:
        super().__init__(hosts, max_retries=0, **kwargs)
        self._pause = pause

    def perform_request(
        self,
        method: str,
        url: str,
        params: MutableMapping[str, Any] | None = None,  # type: ignore[override]
        body: Any = None,
        timeout: float | None = None,
        ignore: Collection[int] = (),
        headers: Mapping[str, str] | None = None,
    ) -> Any:
        """Return the answer, read. Raises TransportError and DeadlineError."""
        wanted = timeout or (params or {}).pop("request_timeout", None) or _TIMEOUT_SECONDS
        seconds = seconds_left(at_most=wanted)

        def attempt() -> Any:
            answer = super(PatientTransport, self).perform_request(
                method,
                url,
                params,
                body,
                timeout=_timeouts(seconds_left(at_most=seconds)),  # type: ignore[arg-type]
                ignore=ignore,
                headers=_with_id(headers),
            )
            if url.endswith("/_msearch"):
                _refuse_passing(answer["responses"])
            return answer

        with deadline(seconds):
            if url.endswith("/_bulk"):
                return attempt()
            return persistently(
                attempt, seconds=seconds, is_worth_retrying=_is_worth_retrying, pause=self._pause
            )


def _with_id(headers: Mapping[str, str] | None) -> Mapping[str, str] | None:
    identifier = correlation_id()
    return headers if identifier is None else {**(headers or {}), "X-Opaque-Id": identifier}


def _timeouts(seconds: float) -> tuple[float, float]:
    """Return the seconds for connecting and for waiting, as the connection's library takes them."""
    connecting = min(_CONNECT_SECONDS, seconds * _CONNECT_SHARE)
    return connecting, seconds - connecting


def _refuse_passing(responses: Sequence[Mapping[str, Any]]) -> None:
    """Raise for searches that were made together what each of them alone would have been answered with."""
    for response in responses:
        if response.get("status") in _PASSING:
            raise TransportError(response["status"], response.get("error", {}).get("type"), response)


def _is_worth_retrying(error: Exception) -> bool:
    if isinstance(error, ConnectionTimeout):
        return False
    if isinstance(error, OpenSearchConnectionError):
        return True
    return isinstance(error, TransportError) and error.status_code in _PASSING
