"""What the models run on: endpoints, and the container."""

import re
from dataclasses import dataclass
from typing import Literal, get_args

from stacks import limits
from stacks.settings.checks import require, require_between, require_instances

ContainerImage = Literal["huggingface", "slim"]

_IMAGE_ADDRESS = re.compile(r"[a-z0-9./_-]+(:[\w.-]+)?(@sha256:[0-9a-f]{64})?")


@dataclass(frozen=True, kw_only=True)
class ServerlessEndpoint:
    """A model served without instances: nothing to pay while idle, a cold start after it."""

    memory_mb: int
    max_concurrency: int

    def __post_init__(self) -> None:
        """Check the memory step and the ranges of the service."""
        step, most = limits.SERVERLESS_MEMORY_STEP.value, limits.SERVERLESS_MEMORY.value
        require_between("endpoint.memory_mb", self.memory_mb, step, most)
        require(
            self.memory_mb % step == 0,
            f"endpoint.memory_mb must be a multiple of {step}, not {self.memory_mb}",
        )
        require_between(
            "endpoint.max_concurrency", self.max_concurrency, 1, limits.SERVERLESS_CONCURRENCY.value
        )

    @property
    def max_payload_bytes(self) -> int:
        """Largest request the endpoint accepts."""
        return limits.SERVERLESS_PAYLOAD.value


@dataclass(frozen=True, kw_only=True)
class RealTimeEndpoint:
    """A model on instances of its own: no cold start, paid by the hour."""

    instance_type: str
    instance_count: int

    def __post_init__(self) -> None:
        """Check the form of the instance type and that there is an instance."""
        require_instances("endpoint", self.instance_type, self.instance_count)

    @property
    def max_payload_bytes(self) -> int:
        """Largest request the endpoint accepts."""
        return limits.REAL_TIME_PAYLOAD.value


@dataclass(frozen=True, kw_only=True)
class ContainerSettings:
    """What the models run in.

    `image` is SageMaker's own for Hugging Face, which brings torch, or the slim one of `serving_image/`,
    which is built while the environment is deployed, on `base_image`: Debian 13 with the Python that the
    artifacts' wheels are for. With a digest (`@sha256:`) that is the same for ever, else what its tag means
    on the day of the build. Without a registry's name it is Docker Hub's, which limits anonymous downloads: a
    mirror of your own has no such limit.
    """

    image: ContainerImage = "huggingface"
    base_image: str = "python:3.12-slim-trixie"

    def __post_init__(self) -> None:
        """Check the image's name and the form of the base image's address."""
        known = get_args(ContainerImage)
        require(self.image in known, f"container.image must be one of {', '.join(known)}, not {self.image!r}")
        require(
            bool(_IMAGE_ADDRESS.fullmatch(self.base_image)),
            f"container.base_image must be such as registry/name:tag@sha256:…, not {self.base_image!r}",
        )
