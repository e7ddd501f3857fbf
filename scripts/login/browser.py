"""The way through the browser and back: authorization code with PKCE, to a loopback address.

Sources: RFC 7636 and RFC 8252.
"""

import base64
import hashlib
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.parse import parse_qs, urlencode, urlsplit

from scripts.errors import CommandError
from scripts.login.challenge import SignIn

_PAGE = "<!doctype html><meta charset=utf-8><title>{title}</title><p>{title}. You can close this window."


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """One sign-in under way: secrets that nobody else knows, and where the browser comes back to."""

    redirect: str
    verifier: str = field(default_factory=lambda: secrets.token_urlsafe(48))
    state: str = field(default_factory=lambda: secrets.token_urlsafe(24))

    def address(self, sign_in: SignIn) -> str:
        """What to open in the browser."""
        digest = hashlib.sha256(self.verifier.encode()).digest()
        query = {
            "response_type": "code",
            "client_id": sign_in.client_id,
            "redirect_uri": self.redirect,
            "scope": sign_in.scope,
            "state": self.state,
            "code_challenge": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
            "code_challenge_method": "S256",
        }
        return f"{sign_in.address}/oauth2/authorize?{urlencode(query)}"


class Return(HTTPServer):
    """Waits on one of ``addresses``, on this machine only, for the browser to come back."""

    def __init__(self, addresses: Sequence[str]) -> None:
        self._answer: dict[str, str] | None = None
        for address in addresses:
            try:
                super().__init__(("127.0.0.1", urlsplit(address).port or 80), _Handler)
            except OSError:
                continue
            self.redirect = address
            return
        raise CommandError(
            "login_ports_busy",
            f"Each port that the browser could come back to is taken: {', '.join(addresses)}. End what "
            "listens there.",
        )

    def code(self, attempt: Attempt, *, seconds: float) -> str:
        """The code that the sign-in gives.

        Raises CommandError ``login_timeout`` after ``seconds``, and ``login_refused`` if it gives none.
        """
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self.timeout = left
            self.handle_request()
            # What came with another state is of another attempt, or of somebody who wants us to be them.
            if self._answer is not None and secrets.compare_digest(
                self._answer.get("state", ""), attempt.state
            ):
                break
            self._answer = None
        if self._answer is None:
            raise CommandError(
                "login_timeout", f"Nobody signed in within {seconds / 60:.0f} minutes: try again."
            )
        if "code" not in self._answer:
            reason = self._answer.get("error_description") or self._answer.get("error", "no code")
            raise CommandError("login_refused", f"The sign-in was refused: {reason}.")
        return self._answer["code"]

    def take(self, answer: dict[str, str]) -> None:
        """Remember what the browser brought."""
        self._answer = answer


class _Handler(BaseHTTPRequestHandler):
    server: Return

    def do_GET(self) -> None:
        query = {name: values[0] for name, values in parse_qs(urlsplit(self.path).query).items()}
        if "state" not in query:
            self.send_error(404)
            return
        title = "You are signed in" if "code" in query else "You are not signed in"
        page = _PAGE.format(title=title).encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(page)))
        # Neither the code nor where it went is told to anybody.
        self.send_header("Referrer-Policy", "no-referrer")
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.wfile.write(page)
        self.server.take(query)

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002
        """Nothing: the request line holds the code."""
