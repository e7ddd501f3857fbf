"""Where one signs in to an API: what it says itself to who asks without a token."""

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

import httpx

from imagesearch_client.authorisation import LOOPBACK
from scripts.errors import CommandError

_PARAMETER = re.compile(r'([a-z_]+)="([^"]*)"')


@dataclass(frozen=True, kw_only=True)
class SignIn:
    """The address of a sign-in, the client of this command line there, and the scope to ask for."""

    address: str
    client_id: str
    scope: str


def find_sign_in(url: str, *, http: httpx.Client) -> SignIn:
    """The sign-in of the API at ``url``.

    Raises CommandError (``api_unreachable``, ``sign_in_unknown``, ``sign_in_unsafe``).
    """
    try:
        answer = http.get(f"{url.rstrip('/')}/health")
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise CommandError("api_unreachable", f"The API at {url} does not answer: {error}.") from error
    said = dict(_PARAMETER.findall(answer.headers.get("www-authenticate", "")))
    try:
        found = SignIn(address=said["sign_in"].rstrip("/"), client_id=said["client_id"], scope=said["scope"])
    except KeyError as error:
        raise CommandError(
            "sign_in_unknown",
            f"The API at {url} names no sign-in (status {answer.status_code}). If it asks for a key, set "
            "IMAGESEARCH_API_KEY; if for signatures, IMAGESEARCH_AUTHORISATION=iam.",
        ) from error
    parts = urlsplit(found.address)
    if parts.scheme != "https" and parts.hostname not in LOOPBACK:
        raise CommandError("sign_in_unsafe", f"{found.address} is no https address: nobody signs in there.")
    return found
