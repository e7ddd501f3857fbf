"""Presigned links to pictures, and what of them a thumbnail's link carries.

Links are signed here and not by boto's `generate_presigned_url`, which looks the endpoint up anew for every
link and reads the clock itself: a hundred hits took 20 ms, and no two links to a picture were the same.
"""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from time import time
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, quote, urlsplit

from botocore.exceptions import NoCredentialsError

from imagesearch.errors import LinkExpiredError
from imagesearch.models import Links, document_id

if TYPE_CHECKING:
    from botocore.credentials import Credentials, ReadOnlyCredentials
    from mypy_boto3_s3 import S3Client

SHARED_SECONDS = 900
"""For so long all links to a picture are the same, so that browsers can keep what lies behind them."""
LONGEST_SECONDS = 604_800
"""Longest life of a presigned address: S3's own limit."""
THUMBNAIL_SIZE = 256
"""Longer side, in pixels, of the thumbnails that links lead to until their `size` is changed."""

_ALGORITHM, _SIGNED_HEADERS = "AWS4-HMAC-SHA256", "host"
_NAMES = {
    "credential": "X-Amz-Credential",
    "date": "X-Amz-Date",
    "expires": "X-Amz-Expires",
    "token": "X-Amz-Security-Token",
    "signature": "X-Amz-Signature",
}
"""What a thumbnail's link calls what the picture's link carries.

Under S3's own names API Gateway, or what stands in for it, could take them for the signature of the request
to itself. Algorithm and signed headers are always the same.
"""


@dataclass(frozen=True, kw_only=True)
class BucketAddress:
    """Where a bucket answers: `base` is the address that an escaped key is put behind."""

    base: str
    region: str

    def of(self, key: str) -> str:
        """Return the address of an object."""
        return self.base + _escaped(key, safe="/~")


def bucket_address(client: "S3Client", bucket: str) -> BucketAddress:
    """Return where boto's client would send a request for an object of the bucket."""
    probe = client.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "k"}, ExpiresIn=1)
    parts = urlsplit(probe)
    _, _, region, *_ = parse_qs(parts.query)[_NAMES["credential"]][0].split("/")
    return BucketAddress(base=f"{parts.scheme}://{parts.netloc}{parts.path[:-1]}", region=region)


def presigned_address(address: BucketAddress, key: str, signature: Mapping[str, str]) -> str:
    """Return the link to a picture whose signature came with the link to its thumbnail.

    Nothing else of that link decides where it leads. Raises LinkExpiredError where a part is missing.
    """
    carried = {_NAMES[name]: signature[name] for name in _NAMES if signature.get(name)}
    if len(carried.keys() | {_NAMES["token"]}) < len(_NAMES):
        # Without a signature it would be asked whether the bucket is public.
        raise LinkExpiredError("The link is not whole: search again for a new one.")
    query = {"X-Amz-Algorithm": _ALGORITHM, "X-Amz-SignedHeaders": _SIGNED_HEADERS, **carried}
    return f"{address.of(key)}?{_query(query)}"


class LinkSigner:
    """Signs links to the objects of one bucket with AWS's Signature Version 4.

    Source: "Authenticating Requests: Using Query Parameters" in S3's API reference. A link ends with the
    session of whoever signs it if that is sooner than the time asked for.
    """

    def __init__(self, address: BucketAddress, credentials: "Credentials | None") -> None:
        self._address = address
        self._credentials = credentials
        self._last: _Signing | None = None

    def links(self, key: str, *, ttl_seconds: int) -> Links:
        """Return links that work for at least `ttl_seconds`, the same ones for SHARED_SECONDS."""
        signing = self._signing(int(time()), ttl_seconds)
        path = signing.base_path + _escaped(key, safe="/~")
        signature = signing.sign(path)
        thumbnail = f"thumbnails/{document_id(key)}?key={_escaped(key)}&size={THUMBNAIL_SIZE}"
        return Links(
            url=f"{signing.origin}{path}?{signing.query}&X-Amz-Signature={signature}",
            thumbnail_url=f"{thumbnail}&{signing.carried}&signature={signature}",
        )

    def _signing(self, now: int, ttl_seconds: int) -> "_Signing":
        if self._credentials is None:
            raise NoCredentialsError
        # Asked for every link: those of a role are renewed while the function runs.
        credentials = self._credentials.get_frozen_credentials()
        moment, expires = now - now % SHARED_SECONDS, min(ttl_seconds + SHARED_SECONDS, LONGEST_SECONDS)
        wanted = (credentials, moment, expires)
        if self._last is None or self._last.made_for != wanted:
            self._last = _Signing(self._address, *wanted)
        return self._last


class _Signing:
    """All of a link that does not depend on the object."""

    def __init__(
        self, address: BucketAddress, credentials: "ReadOnlyCredentials", moment: int, expires: int
    ) -> None:
        self.made_for = (credentials, moment, expires)
        parts = urlsplit(address.base)
        self.origin, self.base_path = f"{parts.scheme}://{parts.netloc}", parts.path
        self._host = parts.netloc
        self._date = datetime.fromtimestamp(moment, UTC).strftime("%Y%m%dT%H%M%SZ")
        self._scope = f"{self._date[:8]}/{address.region}/s3/aws4_request"
        self._key = _signing_key(str(credentials.secret_key), self._scope)
        carried = {
            "credential": f"{credentials.access_key}/{self._scope}",
            "date": self._date,
            "expires": str(expires),
            **({"token": credentials.token} if credentials.token else {}),
        }
        self.carried = _query(carried)
        signed = {_NAMES[name]: value for name, value in carried.items()}
        signed |= {"X-Amz-Algorithm": _ALGORITHM, "X-Amz-SignedHeaders": _SIGNED_HEADERS}
        self.query = _query(dict(sorted(signed.items())))

    def sign(self, path: str) -> str:
        """Return the signature of a GET of this path."""
        request = f"GET\n{path}\n{self.query}\nhost:{self._host}\n\n{_SIGNED_HEADERS}\nUNSIGNED-PAYLOAD"
        digest = hashlib.sha256(request.encode()).hexdigest()
        text = f"{_ALGORITHM}\n{self._date}\n{self._scope}\n{digest}"
        return _mac(self._key, text).hex()


def _signing_key(secret: str, scope: str) -> bytes:
    key = f"AWS4{secret}".encode()
    for part in scope.split("/"):
        key = _mac(key, part)
    return key


def _mac(key: bytes, text: str) -> bytes:
    return hmac.digest(key, text.encode(), "sha256")


def _escaped(text: str, *, safe: str = "~") -> str:
    """Escape all but what RFC 3986 leaves unreserved, and a space as %20: a signature is of these bytes."""
    return quote(text, safe=safe)


def _query(parameters: Mapping[str, str]) -> str:
    return "&".join(f"{name}={_escaped(value)}" for name, value in parameters.items())
