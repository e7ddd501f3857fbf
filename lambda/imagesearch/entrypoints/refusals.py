"""What functions that take steps answer where a step cannot be taken."""

from typing import Any

from imagesearch.errors import ImageSearchError, UnavailableError


def told(refusal: ImageSearchError) -> dict[str, Any]:
    """Return code and message, and, of what passes by itself, `retry_after` in seconds."""
    passing = {"retry_after": refusal.retry_after} if isinstance(refusal, UnavailableError) else {}
    return {"code": refusal.code, "message": refusal.message, **passing}
