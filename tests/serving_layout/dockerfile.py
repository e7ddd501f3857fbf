"""What a Dockerfile says of the file system and the process, as far as ours says anything."""

import json
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

KNOWN = {"ARG", "FROM", "RUN", "COPY", "ENV", "WORKDIR", "USER", "EXPOSE", "ENTRYPOINT"}


@dataclass(frozen=True, kw_only=True)
class ImageFacts:
    """`copies` are files of the build's folder, each with the image's folder that it goes to."""

    copies: tuple[tuple[str, str], ...]
    runs: tuple[str, ...]
    environment: Mapping[str, str]
    working_directory: str
    user: int
    group: int
    entrypoint: tuple[str, ...]


def read_facts(dockerfile: Path) -> ImageFacts:
    """The facts of a Dockerfile with one stage; ``ValueError`` for an instruction that is not read here."""
    said: dict[str, list[str]] = {name: [] for name in KNOWN}
    for name, value in _instructions(dockerfile.read_text("utf-8")):
        if name not in KNOWN:
            raise ValueError(f"{dockerfile}: {name} is not understood")
        said[name].append(value)
    user, group = said["USER"][-1].split(":")
    return ImageFacts(
        copies=tuple(copy for line in said["COPY"] for copy in _copies(line)),
        runs=tuple(said["RUN"]),
        environment=dict(pair.split("=", 1) for line in said["ENV"] for pair in shlex.split(line)),
        working_directory=said["WORKDIR"][-1],
        user=int(user),
        group=int(group),
        entrypoint=tuple(json.loads(said["ENTRYPOINT"][-1])),
    )


def _instructions(text: str) -> Iterator[tuple[str, str]]:
    lines = (line for line in text.splitlines() if not line.lstrip().startswith("#"))
    for line in "\n".join(lines).replace("\\\n", "").splitlines():
        if line.strip():
            name, _, value = line.strip().partition(" ")
            yield name.upper(), value.strip()


def _copies(line: str) -> Iterator[tuple[str, str]]:
    *sources, folder = line.split()
    yield from ((source, folder) for source in sources)
