"""Pictures of the image bucket read by presigned links: S3 itself judges signature and expiry."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import urllib3
from urllib3.exceptions import HTTPError

from imagesearch.adapters.s3_links import BucketAddress, presigned_address
from imagesearch.errors import (
    ImageSearchError,
    ImageUnknownError,
    LinkExpiredError,
    PictureEmptyError,
    SourceTooLargeError,
    StoreRefusedError,
    StoreUnavailableError,
)
from imagesearch.thumbnails import PictureLink

_RETRY_AFTER_SECONDS = 5
_RETRIED = (500, 503)
_FOUND = (200, 206)
_REFUSED = (400, 403)
"""S3 answers 400 to a malformed signature, and to the token of a session that has ended."""


class S3LinkedPictures:
    """What links lead to within one bucket, and nowhere else."""

    def __init__(self, address: BucketAddress) -> None:
        self._address = address
        retries = urllib3.Retry(
            total=2, redirect=False, status_forcelist=_RETRIED, backoff_factor=0.1, raise_on_status=False
        )
        self._http = urllib3.PoolManager(timeout=urllib3.Timeout(connect=2, read=5), retries=retries)

    def etag(self, link: PictureLink) -> str:
        """Return the ETag (without quotes) of what the link leads to; of its bytes only one is asked for."""
        with self._opened(link, {"range": "bytes=0-0"}) as answer:
            answer.drain_conn()
            return _etag(answer)

    def read(self, link: PictureLink, *, max_bytes: int) -> tuple[bytes, str]:
        """Return the object's bytes and ETag. Raises SourceTooLargeError before they are read."""
        with self._opened(link, {}) as answer:
            length = int(answer.headers["content-length"])
            if length > max_bytes:
                raise SourceTooLargeError(f"The picture has {length} bytes; at most {max_bytes} are read.")
            return answer.read(), _etag(answer)

    @contextmanager
    def _opened(self, link: PictureLink, headers: Mapping[str, str]) -> Iterator[urllib3.BaseHTTPResponse]:
        address = presigned_address(self._address, link.key, link.signature)
        try:
            with self._http.request("GET", address, headers=headers, preload_content=False) as answer:
                if answer.status not in _FOUND:
                    answer.drain_conn()
                    raise _error_of(answer.status)
                yield answer
        except HTTPError as error:
            raise StoreUnavailableError(
                "S3 cannot be reached, or broke off.", retry_after=_RETRY_AFTER_SECONDS
            ) from error


def _etag(answer: urllib3.BaseHTTPResponse) -> str:
    return answer.headers["etag"].strip('"')


def _error_of(status: int) -> ImageSearchError:
    if status in _REFUSED:
        return LinkExpiredError("The link has expired or is not whole: search again for a new one.")
    if status == 404:
        return ImageUnknownError("The picture is no longer there.")
    if status == 416:
        return PictureEmptyError("The picture has no bytes.")
    if status >= 500 or status == 429:
        return StoreUnavailableError("S3 is overloaded or failing.", retry_after=_RETRY_AFTER_SECONDS)
    return StoreRefusedError(f"S3 refuses the request ({status}).")
