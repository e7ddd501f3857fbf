"""Building the image of the model's container once, and waiting for it; what is built already stays."""

from dataclasses import dataclass
from typing import Literal, Protocol

from imagesearch.errors import ImageBuildFailedError

NO_BUILD = ""
"""In place of a build's id: the image was there already."""


@dataclass(frozen=True, kw_only=True)
class ImageOrder:
    """What is to be built: the tag in `repository`, from `source` (bucket/key of a zip) on `base_image`.

    The tag is the digest of all of the image's inputs, so an image that has it need not be built again.
    """

    project: str
    repository: str
    tag: str
    source: str
    base_image: str


@dataclass(frozen=True, kw_only=True)
class ImageBuild:
    """How a build stands; of a failed one `reason` says what failed, and `log` is where to read on."""

    status: Literal["running", "succeeded", "failed"]
    reason: str = ""
    log: str = ""


class ImageBuilder(Protocol):
    """Where images are built and kept."""

    def has(self, order: ImageOrder) -> bool:
        """Return whether the repository holds the image."""

    def start(self, order: ImageOrder, *, request: str) -> str:
        """Start a build and return its id; a repeated `request` starts no second one."""

    def look(self, build: str) -> ImageBuild:
        """Return how a build stands."""


def begin(builder: ImageBuilder, order: ImageOrder, *, request: str) -> str:
    """Return the id of a build that makes the image, or NO_BUILD where the repository holds it."""
    return NO_BUILD if builder.has(order) else builder.start(order, request=request)


def is_ready(builder: ImageBuilder, order: ImageOrder, *, build: str) -> bool:
    """Return whether the image can be used, and False while it is being built.

    Raises ImageBuildFailedError, which says what failed and where its log is.
    """
    state = builder.look(build) if build != NO_BUILD else ImageBuild(status="succeeded")
    if state.status == "running":
        return False
    if state.status == "succeeded" and builder.has(order):
        return True
    reason = state.reason or f"the repository {order.repository} does not hold {order.tag}"
    raise ImageBuildFailedError(f"The model's image was not built: {reason}. Its log: {state.log or 'none'}")
