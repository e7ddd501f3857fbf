"""One evaluation: every query with what was found, kept in a file so that another can be compared with it."""

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from scripts.errors import CommandError
from scripts.whole_files import write_whole


class _Kept(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Found(_Kept):
    """One hit; ``url`` leads to its picture for a while, and is not kept: who has it may see the picture."""

    key: str
    score: float
    url: str = Field(default="", exclude=True)


class Asked(_Kept):
    """A labelled query and its hits, best first; ``query`` is its text, or its picture's key or file."""

    kind: Literal["text", "picture"]
    query: str
    relevant: dict[str, float] = Field(min_length=1)
    hits: tuple[Found, ...]

    @property
    def ranking(self) -> tuple[str, ...]:
        """The keys found, best first."""
        return tuple(hit.key for hit in self.hits)

    @property
    def identity(self) -> tuple[str, str]:
        """What makes it the same query in two runs."""
        return self.kind, self.query


class Run(_Kept):
    """All queries of one evaluation, asked with the same ``settings`` for ``k`` hits each."""

    version: Literal[1] = 1
    name: str
    index: str
    fingerprint: str
    k: int = Field(ge=1)
    settings: dict[str, str | bool]
    queries: tuple[Asked, ...] = Field(min_length=1)


def save_run(run: Run, path: Path) -> None:
    """Keep a run. CommandError ``file_unwritable``."""
    write_whole(path, run.model_dump_json(indent=1) + "\n")


def load_run(path: Path) -> Run:
    """A run that was kept. CommandError ``run_unreadable``."""
    try:
        return Run.model_validate_json(path.read_bytes())
    except OSError as error:
        raise CommandError("run_unreadable", f"{path} cannot be read: {error.strerror}.") from error
    except ValidationError as error:
        (first, *_) = error.errors()
        place = ".".join(map(str, first["loc"])) or "the file"
        raise CommandError(
            "run_unreadable",
            f"{path} is no run that imagesearch evaluate --save wrote: {place}: {first['msg']}.",
        ) from error
