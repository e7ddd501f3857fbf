"""What every setting is checked with, and the error of one that no deployment can have."""

import re

from stacks import limits

_GRAVITON = re.compile(r"ml\.[a-z]+\d+g[a-z]*\.")


class SettingsError(ValueError):
    """Settings that no deployment can have; the message names the setting and what it may be."""


def require(condition: bool, message: str) -> None:
    """Raise SettingsError with `message` unless `condition` holds."""
    if not condition:
        raise SettingsError(message)


def require_between(name: str, value: int, low: int, high: int) -> None:
    """Raise SettingsError unless `value` is from `low` to `high`."""
    require(low <= value <= high, f"{name} must be from {low} to {high}, not {value}")


def require_function(name: str, *, memory_mb: int, timeout_seconds: int) -> None:
    """Raise SettingsError unless Lambda has such memory and such a time-out."""
    low, high = limits.LAMBDA_MINIMUM_MEMORY.value, limits.LAMBDA_MEMORY.value
    require_between(f"{name}.memory_mb", memory_mb, low, high)
    require_between(f"{name}.timeout_seconds", timeout_seconds, 1, limits.LAMBDA_SECONDS.value)


def require_instances(name: str, instance_type: str, count: int) -> None:
    """Raise SettingsError unless SageMaker has such instances, with processors that the image is for."""
    require(instance_type.startswith("ml."), f"{name}.instance_type {instance_type!r} lacks 'ml.'")
    require(
        not _GRAVITON.match(instance_type),
        f"{name}.instance_type {instance_type!r} has an Arm processor; image and artifact are for x86-64",
    )
    require(count >= 1, f"{name}.instance_count must be at least 1, not {count}")
