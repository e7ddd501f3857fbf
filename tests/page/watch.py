"""What goes wrong in the browser beside what a test looks at."""

from dataclasses import dataclass, field
from urllib.parse import urlsplit

from playwright.sync_api import BrowserContext, ConsoleMessage, Request, WebError

_BREACH = "Content Security Policy"
_FAILED_REQUEST = "Failed to load resource"


@dataclass
class Watch:
    """Errors on the console, uncaught ones, and requests to others than the page's and the bucket's hosts.

    An answer of the API or of the bucket that is an error is the page's to show, and no fault here.
    """

    page_url: str
    bucket_url: str
    faults: list[str] = field(default_factory=list)
    expected: list[str] = field(default_factory=list)

    def listen(self, context: BrowserContext) -> None:
        """Watch every page of the context."""
        context.on("console", self._hear)
        context.on("weberror", self._catch)
        context.on("request", self._follow)

    def expect(self, text: str) -> None:
        """Let faults pass that contain ``text``: the test brings them about."""
        self.expected.append(text)

    def require_clean(self) -> None:
        """Fail with everything that went wrong unexpectedly."""
        faults = [fault for fault in self.faults if not any(text in fault for text in self.expected)]
        assert faults == []

    def _hear(self, message: ConsoleMessage) -> None:
        breach = _BREACH in message.text
        if message.type != "error" and not breach:
            return
        address = str(message.location.get("url", ""))
        if message.text.startswith(_FAILED_REQUEST) and self._is_data(address):
            return
        self.faults.append(f"console: {message.text} ({address})")

    def _catch(self, error: WebError) -> None:
        self.faults.append(f"uncaught: {error.error}")

    def _follow(self, request: Request) -> None:
        parts = urlsplit(request.url)
        if parts.scheme in ("blob", "data"):
            return
        if f"{parts.scheme}://{parts.netloc}" not in (_origin(self.page_url), _origin(self.bucket_url)):
            self.faults.append(f"foreign request: {request.url}")

    def _is_data(self, address: str) -> bool:
        origin = _origin(self.page_url)
        return address.startswith(f"{origin}/api/") or address.startswith(_origin(self.bucket_url))


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
