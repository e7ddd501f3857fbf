"""What the models run on: endpoints, and the container."""

import re
from dataclasses import dataclass
from typing import Literal, get_args

from stacks import limits
from stacks.settings.checks import require, require_between, require_instances

ContainerImage = Literal["huggingface", "slim"]

_IMAGE_ADDRESS = re.compile(r"[a-z0-9./_-]+(:[\w.-]+)?(@sha256:[0-9a-f]{64})?")


@dataclass(frozen=True, kw_only=True)
class ProvisionedConcurrency:
    """Copies of a serverless model that are kept started, and paid by the hour, so that no call starts one.

    There are `minimum` of them, and up to `maximum` while more than `utilisation` of them are busy. Calls
    beyond those are served as without them, by copies that start first.
    """

    minimum: int
    maximum: int | None = None
    utilisation: float = 0.7
    scale_out_seconds: int = 60
    scale_in_seconds: int = 300

    def __post_init__(self) -> None:
        """Check the range of the service, and that there is something to scale between."""
        most = limits.SERVERLESS_CONCURRENCY.value
        require_between("endpoint.provisioned.minimum", self.minimum, 1, most)
        _require_above("endpoint.provisioned.maximum", self.maximum, self.minimum)
        share = 0 < self.utilisation < 1
        require(share, f"endpoint.provisioned.utilisation must be between 0 and 1, not {self.utilisation}")
        _require_pauses("endpoint.provisioned", self.scale_out_seconds, self.scale_in_seconds)

    @property
    def highest(self) -> int:
        """How many there are at most."""
        return self.maximum or self.minimum


@dataclass(frozen=True, kw_only=True)
class ServerlessEndpoint:
    """A model served without instances: nothing to pay while idle, a cold start after it."""

    memory_mb: int
    max_concurrency: int
    provisioned: ProvisionedConcurrency | None = None

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
        kept = 0 if self.provisioned is None else self.provisioned.highest
        require(
            kept <= self.max_concurrency,
            f"endpoint.provisioned must not exceed max_concurrency ({self.max_concurrency}), but is {kept}",
        )

    @property
    def kept_started(self) -> int:
        """How many copies are kept started without any load."""
        return 0 if self.provisioned is None else self.provisioned.minimum

    @property
    def max_payload_bytes(self) -> int:
        """Largest request the endpoint accepts."""
        return limits.SERVERLESS_PAYLOAD.value


@dataclass(frozen=True, kw_only=True)
class InstanceScaling:
    """More instances while there is more to do, up to `maximum`.

    `invocations_per_minute` is what one instance is to be asked: about half of what it can do, so that it has
    room for the minutes until another one serves.
    """

    maximum: int
    invocations_per_minute: int
    scale_out_seconds: int = 60
    scale_in_seconds: int = 600

    def __post_init__(self) -> None:
        """Check the target and the pauses."""
        rate = self.invocations_per_minute
        require(rate >= 1, f"endpoint.scaling.invocations_per_minute must be at least 1, not {rate}")
        _require_pauses("endpoint.scaling", self.scale_out_seconds, self.scale_in_seconds)


@dataclass(frozen=True, kw_only=True)
class RealTimeEndpoint:
    """A model on instances of its own: no cold start, paid by the hour.

    There are `instance_count` of them, and more with `scaling`.
    """

    instance_type: str
    instance_count: int
    scaling: InstanceScaling | None = None

    def __post_init__(self) -> None:
        """Check the form of the instance type, and that there is always an instance."""
        # The service takes instances to zero only where models are inference components, and then answers no
        # call for the minutes that an instance needs to start.
        require(
            self.instance_count != 0,
            "endpoint.instance_count must be at least 1: an endpoint that costs nothing while idle is a "
            "ServerlessEndpoint",
        )
        require_instances("endpoint", self.instance_type, self.instance_count)
        if self.scaling is not None:
            _require_above("endpoint.scaling.maximum", self.scaling.maximum, self.instance_count)

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


def _require_above(name: str, maximum: int | None, minimum: int) -> None:
    above = maximum is None or maximum > minimum
    require(above, f"{name} must be above {minimum}, how many there always are, not {maximum}")


def _require_pauses(name: str, scale_out_seconds: int, scale_in_seconds: int) -> None:
    shortest = min(scale_out_seconds, scale_in_seconds)
    require(shortest >= 0, f"{name}: scale_out_seconds and scale_in_seconds must not be negative")
