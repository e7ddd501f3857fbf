"""Which captioned photographs train the heads and which only measure them: decided by their names alone."""

import hashlib
from collections.abc import Iterable
from pathlib import PurePath


def _ordered(files: Iterable[str]) -> list[str]:
    """Files in the order of the SHA-256 of their base names: as good as random, and fixed for ever."""
    return sorted(files, key=lambda file: hashlib.sha256(PurePath(file).name.encode()).hexdigest())


def training_half(files: Iterable[str]) -> list[str]:
    """The half whose captions the heads are trained on; the larger one of an odd number, in name order."""
    ordered = _ordered(files)
    return sorted(ordered[: (len(ordered) + 1) // 2])


def held_half(files: Iterable[str]) -> list[str]:
    """The half that is never trained, tuned or selected on, in name order."""
    ordered = _ordered(files)
    return sorted(ordered[(len(ordered) + 1) // 2 :])
