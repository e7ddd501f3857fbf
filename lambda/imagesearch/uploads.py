"""Uploads: pictures that go to the image bucket past the API, for one search or into the library."""

import re
import secrets
from dataclasses import dataclass

from imagesearch.errors import RequestInvalidError, SourceTooLargeError, UploadUnknownError
from imagesearch.metadata import SIDECAR_SUFFIX, is_sidecar
from imagesearch.models import UploadForm
from imagesearch.ports import PictureStore

QUERY_PREFIX = ".queries/"
"""Under which the image bucket keeps them for a day; they are no pictures of the library."""
FORM_SECONDS = 900
"""How long a form can be sent."""
MAX_KEY_BYTES = 1024
"""S3's own limit."""

_NAME_BYTES = 16
_NAME = re.compile(rf"[0-9a-f]{{{2 * _NAME_BYTES}}}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
_DOTS = {".", ".."}
_FILE_NAME = "${filename}"
"""S3 puts the sent file's name here, so a form with it would be for any key."""


def is_query(key: str) -> bool:
    """Tell whether an object was uploaded for a search, and is thus no picture of the library."""
    return key.startswith(QUERY_PREFIX)


def query_key(upload: str) -> str:
    """Return the object key of what `POST /uploads` called `upload`. Raises UploadUnknownError."""
    if not _NAME.fullmatch(upload):
        raise UploadUnknownError("There is no such upload: give what POST /uploads called it.")
    return QUERY_PREFIX + upload


def library_key(key: str) -> str:
    """Return a key under which a picture can be put into the library. Raises RequestInvalidError."""
    if not key or len(key.encode(errors="replace")) > MAX_KEY_BYTES:
        raise RequestInvalidError(f"key: give 1 to {MAX_KEY_BYTES} bytes of UTF-8.")
    if key.startswith("/") or _CONTROL.search(key) or _FILE_NAME in key:
        raise RequestInvalidError(
            f"key: it must not begin with a slash and must not hold control characters or {_FILE_NAME}."
        )
    if not _DOTS.isdisjoint(key.split("/")):
        raise RequestInvalidError("key: no part between slashes may be . or .., which links lose.")
    if is_query(key):
        raise RequestInvalidError(f"key: what begins with {QUERY_PREFIX} is no part of the library.")
    if is_sidecar(key):
        raise RequestInvalidError(f"key: what ends in {SIDECAR_SUFFIX} describes a picture and is none.")
    return key


@dataclass(frozen=True, kw_only=True)
class Upload:
    """A form for one picture; `name` is the upload of a search, or the key in the library.

    It can be sent for `expires_in` seconds with a picture of at most `max_bytes`.
    """

    name: str
    form: UploadForm
    expires_in: int
    max_bytes: int


class Uploads:
    """Hands out forms for pictures that the model's container can read: of at most `max_bytes`."""

    def __init__(self, *, pictures: PictureStore, max_bytes: int) -> None:
        self._pictures = pictures
        self._max_bytes = max_bytes

    def for_query(self, *, content_type: str, size: int) -> Upload:
        """Return the form for a picture of `size` bytes to search by. Raises SourceTooLargeError."""
        name = secrets.token_hex(_NAME_BYTES)
        return self._upload(name, query_key(name), content_type, size)

    def for_library(self, key: str, *, content_type: str, size: int) -> Upload:
        """Return the form for a picture of the library, which replaces what its key holds.

        Raises RequestInvalidError and SourceTooLargeError.
        """
        return self._upload(key, library_key(key), content_type, size)

    def _upload(self, name: str, key: str, content_type: str, size: int) -> Upload:
        if size > self._max_bytes:
            raise SourceTooLargeError(f"The picture has {size} bytes; at most {self._max_bytes} are read.")
        form = self._pictures.upload_form(
            key, content_type=content_type, max_bytes=self._max_bytes, ttl_seconds=FORM_SECONDS
        )
        return Upload(name=name, form=form, expires_in=FORM_SECONDS, max_bytes=self._max_bytes)
