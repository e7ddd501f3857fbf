"""Files that are all there or as they were before."""

import os
from pathlib import Path

from scripts.errors import CommandError


def write_whole(path: Path, content: str) -> None:
    """Write a file so that it is all there or as it was before. CommandError ``file_unwritable``."""
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        unfinished.write_text(content, "utf-8")
        unfinished.replace(path)
    except OSError as error:
        raise CommandError("file_unwritable", f"{path} cannot be written: {error.strerror}.") from error
    finally:
        unfinished.unlink(missing_ok=True)
