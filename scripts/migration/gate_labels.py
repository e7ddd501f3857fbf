"""Labelled queries for the check of a new index, read from a file."""

from pathlib import Path

from imagesearch.errors import LabelsInvalidError
from imagesearch.migration.labels import read_labels
from scripts.errors import CommandError


def read_gate_labels(path: Path) -> bytes:
    """The content of a file of labelled queries, each line of which was checked.

    Raises CommandError (``labels_unreadable``, ``labels_invalid``).
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise CommandError("labels_unreadable", f"{path} cannot be read: {error.strerror}.") from error
    try:
        read_labels(content)
    except LabelsInvalidError as error:
        raise CommandError(error.code, f"{path}: {error.message}") from error
    return content
