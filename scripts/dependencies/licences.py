"""The licence of a package, as its own metadata says it, and which licences what is shipped may have."""

import re
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.metadata import Distribution, distributions
from pathlib import Path

from packaging.utils import canonicalize_name

from scripts.errors import CommandError
from scripts.repository import ROOT

ALLOWED = frozenset(
    {
        *("0BSD", "Apache-2.0", "BSD", "BSD-2-Clause", "BSD-3-Clause", "CC0-1.0", "ISC", "MIT", "MIT-0"),
        *("MIT-CMU", "MPL-2.0", "PSF-2.0", "Zlib"),
    }
)
"""Licences that let the application be used, changed and passed on; MPL binds its own files only."""

WORDINGS: Mapping[str, str] = {
    "3-Clause BSD License": "BSD-3-Clause",
    "Apache 2.0": "Apache-2.0",
    "Apache License 2.0": "Apache-2.0",
    "Apache License Version 2.0": "Apache-2.0",
    "Apache Software License": "Apache-2.0",
    "BSD License": "BSD",
    "ISC License": "ISC",
    "ISC License (ISCL)": "ISC",
    "MIT License": "MIT",
    "MIT No Attribution License (MIT-0)": "MIT-0",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
}
"""What older metadata calls a licence, in SPDX's words; plain "BSD" does not say which of them."""

ELSEWHERE: Mapping[str, str] = {"tzdata": "Apache-2.0"}
"""What only functions carry and nothing installs here, as its published metadata says."""

REMARKS: Mapping[str, str] = {
    "pillow-heif": "The code is BSD-3-Clause; its wheels hold libx265 and are GPL-2.0 as a whole. The model "
    "artifact and the thumbnail function carry such a wheel: whoever passes them on is bound by it. Without "
    "HEIC it can be left out (docs/decisions.md)."
}
"""What a licence's name alone would hide."""

CLASSIFIER = "License :: "


def licence_of(name: str) -> str:
    """The licence as an SPDX expression. Raises ``CommandError`` where no installed package says one."""
    if name in ELSEWHERE:
        return ELSEWHERE[name]
    found = _installed().get(name)
    if found is None:
        raise CommandError(
            "package_missing", f"{name} is installed nowhere here: run make setup, or add it to ELSEWHERE."
        )
    said = next(_said_by(found), None)
    if said is None:
        raise CommandError("licence_unknown", f"The metadata of {name} names no licence that is known.")
    return said


def is_allowed(expression: str) -> bool:
    """Whether one of the alternatives consists of allowed licences only."""
    return any(
        all(part.strip(" ()") in ALLOWED for part in alternative.split(" AND "))
        for alternative in expression.split(" OR ")
    )


def _said_by(found: Distribution) -> Iterator[str]:
    """What the metadata says, the newest form first."""
    metadata = found.metadata
    yield from metadata.get_all("License-Expression") or ()
    text = next(iter(metadata.get_all("License") or ()), "").strip()
    normal = WORDINGS.get(text, text)
    if normal and all(part in ALLOWED for part in re.split(r" AND | OR ", normal)):
        yield normal
    classifiers = [each for each in metadata.get_all("Classifier") or () if each.startswith(CLASSIFIER)]
    named = [WORDINGS.get(each.rsplit(" :: ", 1)[-1]) for each in classifiers]
    known = sorted({each for each in named if each})
    if known:
        yield " OR ".join(known)


@cache
def _installed() -> Mapping[str, Distribution]:
    """Every installed package by its name: in the project's own environment, then in the model server's."""
    folders = [
        folder
        for root in (ROOT / ".venv", ROOT / ".tools" / "model_server")
        for folder in sorted(root.glob("lib/python*/site-packages"))
    ]
    found: dict[str, Distribution] = {}
    for folder in map(Path, folders):
        for distribution in distributions(path=[str(folder)]):
            found.setdefault(canonicalize_name(distribution.metadata["Name"]), distribution)
    return found
