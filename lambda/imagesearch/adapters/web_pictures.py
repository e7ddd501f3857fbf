"""Pictures on the web, named by strangers: fetched from public web servers only, within bounds.

A host is looked up once for each request, all its addresses must be public, and the connection goes to one
of these very addresses: a name that leads elsewhere a moment later gains nothing. A redirect is judged as the
first address is. Neither proxies nor credentials of the environment are used, and no cookie is kept.
"""

import http.client
import io
import socket
import ssl
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from threading import Thread
from typing import Any
from urllib.parse import quote, urljoin, urlsplit

from imagesearch.adapters.public_addresses import is_web_server
from imagesearch.deadline import seconds_left
from imagesearch.errors import UrlRefusedError, UrlUnreachableError, UseUploadError

MAX_REDIRECTS = 3

_SECONDS = 8.0
_CONNECT_SECONDS = 3.0
"""For each address of a host: it may have one of a kind that this network cannot reach."""
_PORTS = {"https": 443, "http": 80}
_REDIRECTS = {301, 302, 303, 307, 308}
_NO_PICTURES = {"text", "audio", "video", "font", "message", "multipart"}
"""Kinds of content that are never read; what is a picture is for the decoder to say."""
_HEADERS = {
    "Accept": "image/*",
    "Accept-Encoding": "identity",
    "Connection": "close",
    "User-Agent": "imagesearch",
}
_IN_PATHS = "/%:=&~+!$,;'@()*"


@dataclass(frozen=True, kw_only=True)
class _Target:
    scheme: str
    host: str
    port: int
    path: str


class _Clock:
    """Counts down the time of one fetch."""

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds

    def left(self, *, at_most: float = _SECONDS) -> float:
        """Return the seconds that are left. Raises TimeoutError where none are."""
        left = self._end - time.monotonic()
        if left <= 0:
            raise TimeoutError
        return min(left, at_most)


def resolved(host: str, port: int) -> Sequence[str]:
    """Return all addresses of a host, as the system finds them. Raises OSError."""
    return [str(info[4][0]) for info in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]


class PublicWebPictures:
    """Fetches at most `max_bytes` within `seconds`, redirects included; https only, unless `plain_http`.

    `resolve` looks up hosts, and `is_allowed` says which of their addresses and ports may be asked.
    """

    def __init__(
        self,
        *,
        max_bytes: int,
        plain_http: bool = False,
        seconds: float = _SECONDS,
        resolve: Callable[[str, int], Sequence[str]] = resolved,
        is_allowed: Callable[[str, int], bool] = is_web_server,
        tls: Callable[[], ssl.SSLContext] = ssl.create_default_context,
    ) -> None:
        self._max_bytes = max_bytes
        self._schemes = ("https", "http") if plain_http else ("https",)
        self._seconds = seconds
        self._resolve = resolve
        self._is_allowed = is_allowed
        self._make_tls = tls

    def fetch(self, url: str) -> bytes:
        """Return what the address holds.

        Raises UrlRefusedError, UrlUnreachableError, UseUploadError and DeadlineError.
        """
        seconds = seconds_left(at_most=self._seconds)
        clock = _Clock(seconds)
        try:
            for _ in range(MAX_REDIRECTS + 1):
                answer = self._ask(url, clock)
                if isinstance(answer, bytes):
                    return answer
                url = answer
        except TimeoutError as error:
            raise UrlUnreachableError(
                f"The address did not give a picture within {round(seconds, 1)} seconds."
            ) from error
        except (OSError, http.client.HTTPException) as error:
            raise UrlUnreachableError("The address cannot be reached, or broke off.") from error
        raise UrlUnreachableError(f"The address redirects more than {MAX_REDIRECTS} times.")

    def _ask(self, url: str, clock: _Clock) -> bytes | str:
        """Return what the address holds, or the address that it redirects to."""
        target = self._target(url)
        with self._connected(target, clock) as connected:
            connection = _Connection(target, _TimedSocket(connected, clock))
            connection.request("GET", target.path, headers=_HEADERS)
            answer = connection.getresponse()
            location = answer.headers.get("Location")
            if answer.status in _REDIRECTS and location:
                return urljoin(url, location)
            return self._read(answer)

    def _target(self, url: str) -> _Target:
        try:
            parts = urlsplit(url)
            host, port = (parts.hostname or "").encode("idna").decode("ascii"), parts.port
            path = quote(parts.path or "/", safe=_IN_PATHS)
            query = quote(parts.query, safe=_IN_PATHS + "?")
        except ValueError as error:
            raise UrlRefusedError("The address is not a URL.") from error
        if parts.scheme not in self._schemes:
            allowed = " or ".join(f"{scheme}://" for scheme in self._schemes)
            raise UrlRefusedError(f"The address, and whatever it redirects to, must begin with {allowed}.")
        if parts.username is not None or parts.password is not None:
            raise UrlRefusedError("The address must not hold a user's name or password.")
        if not host:
            raise UrlRefusedError("The address names no host.")
        return _Target(
            scheme=parts.scheme,
            host=host,
            port=_PORTS[parts.scheme] if port is None else port,
            path=f"{path}?{query}" if query else path,
        )

    @contextmanager
    def _connected(self, target: _Target, clock: _Clock) -> Iterator[socket.socket]:
        with self._reached(target, clock) as plain:
            if target.scheme == "http":
                yield plain
                return
            plain.settimeout(clock.left())
            with self._tls.wrap_socket(plain, server_hostname=target.host) as encrypted:
                yield encrypted

    def _reached(self, target: _Target, clock: _Clock) -> socket.socket:
        """Return a connection to the first of the host's addresses that answers, all of which are allowed."""
        addresses = list(dict.fromkeys(self._looked_up(target, clock)))
        if not all(self._is_allowed(address, target.port) for address in addresses):
            raise UrlRefusedError(
                "The address leads, perhaps by a redirect, to another port than 80 and 443 or to a host "
                "that is not on the public internet."
            )
        trouble: OSError = OSError("The host has no address.")
        for address in addresses:
            try:
                return socket.create_connection(
                    (address, target.port), timeout=clock.left(at_most=_CONNECT_SECONDS)
                )
            except OSError as error:
                trouble = error
        raise trouble

    def _looked_up(self, target: _Target, clock: _Clock) -> Sequence[str]:
        """Look the host up in a thread of its own, for the system's look-up knows no time-out."""
        found = Future[Sequence[str]]()

        def look_up() -> None:
            try:
                found.set_result(self._resolve(target.host, target.port))
            except OSError as error:
                found.set_exception(error)

        Thread(target=look_up, daemon=True).start()
        return found.result(timeout=clock.left())

    def _read(self, answer: http.client.HTTPResponse) -> bytes:
        if answer.status != 200:
            raise UrlUnreachableError(
                f"The address answers with the status {answer.status} instead of a picture."
            )
        kind = answer.headers.get("Content-Type", "").partition("/")[0].strip().lower()
        if kind in _NO_PICTURES:
            raise UrlUnreachableError(f"The address holds {kind}, not a picture.")
        if answer.headers.get("Content-Encoding", "identity").lower() != "identity":
            raise UrlUnreachableError("The address sends its content encoded, which was not asked for.")
        if (answer.length or 0) > self._max_bytes:
            raise self._too_large()
        content = answer.read(self._max_bytes + 1)
        if len(content) > self._max_bytes:
            raise self._too_large()
        if answer.length or not content:
            raise http.client.IncompleteRead(content, answer.length)
        return content

    def _too_large(self) -> UseUploadError:
        return UseUploadError(
            f"The picture is too large: at most {self._max_bytes} bytes are fetched. Bring it there by "
            "POST /uploads, or give the address of a smaller copy."
        )

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        # Reading the authorities' certificates takes long, and most functions never fetch.
        return self._make_tls()


class _TimedReader(io.RawIOBase):
    """Reads from a socket for as long as the clock runs, however slowly it drips."""

    def __init__(self, connected: socket.socket, clock: _Clock) -> None:
        self._connected = connected
        self._clock = clock

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self._connected.settimeout(self._clock.left())
        return self._connected.recv_into(buffer)


class _TimedSocket:
    """As much of a socket as `http.client` uses; whoever connected it closes it."""

    def __init__(self, connected: socket.socket, clock: _Clock) -> None:
        self._connected = connected
        self._clock = clock

    def sendall(self, content: bytes) -> None:
        self._connected.settimeout(self._clock.left())
        self._connected.sendall(content)

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(_TimedReader(self._connected, self._clock))

    def close(self) -> None:
        """Leave it open: the answer is still to be read."""


class _Connection(http.client.HTTPConnection):
    """A connection that is there already, and that is never made anew."""

    auto_open = 0

    def __init__(self, target: _Target, connected: _TimedSocket) -> None:
        super().__init__(target.host, target.port)
        self.default_port = _PORTS[target.scheme]
        self.sock = connected
