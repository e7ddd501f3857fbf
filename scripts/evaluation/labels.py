"""A file of labelled queries: the format that `migrate --labels` reads too, with all its faults at once."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from imagesearch.errors import LabelsInvalidError
from imagesearch.migration.labels import Label, label_lines, label_of
from scripts.errors import CommandError

FAULTS_SHOWN = 20


def read_labels(path: Path) -> tuple[Label, ...]:
    """The labelled queries of a file, in its order.

    Raises CommandError: ``labels_unreadable``, or ``labels_invalid`` that lists the lines at fault.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise CommandError("labels_unreadable", f"{path} cannot be read: {error.strerror}.") from error
    faults: list[str] = []
    labels = list(_sound(content, faults))
    refuse(path, [*faults, *_repeated(labels), *_without_file(labels, path)])
    if not labels:
        raise CommandError("labels_invalid", f"{path} holds no labelled query.")
    return tuple(labels)


def refuse(path: Path, faults: Sequence[str]) -> None:
    """Raise the CommandError (``labels_invalid``) that lists the faults of a file, if there are any."""
    if not faults:
        return
    count = "1 fault" if len(faults) == 1 else f"{len(faults)} faults"
    more = [f"and {len(faults) - FAULTS_SHOWN} more"] if len(faults) > FAULTS_SHOWN else []
    lines = "".join(f"\n  {line}" for line in (*faults[:FAULTS_SHOWN], *more))
    raise CommandError("labels_invalid", f"{path} has {count}; nothing was asked.{lines}")


def picture_file(label: Label, labels: Path) -> Path | None:
    """The file that a label's picture names, from the labels' folder on; None where it is a key.

    Files are written with ``./``, ``../`` or ``/`` before them, which no key needs.
    """
    if label.picture is None or not label.picture.startswith(("./", "../", "/")):
        return None
    return labels.parent / label.picture


def _sound(content: bytes, faults: list[str]) -> Iterator[Label]:
    for number, line in label_lines(content):
        try:
            yield label_of(number, line)
        except LabelsInvalidError as error:
            faults.append(error.message)


def _repeated(labels: Sequence[Label]) -> Iterator[str]:
    """Queries that stand twice: two runs are compared query by query."""
    first: dict[tuple[str | None, str | None], int] = {}
    for label in labels:
        line = first.setdefault((label.text, label.picture), label.line)
        if line != label.line:
            yield f"Line {label.line} of the labelled queries asks what line {line} asks."


def _without_file(labels: Sequence[Label], path: Path) -> Iterator[str]:
    for label in labels:
        file = picture_file(label, path)
        if file is not None and not file.is_file():
            yield f"Line {label.line} of the labelled queries names {label.picture}, which is no file."
