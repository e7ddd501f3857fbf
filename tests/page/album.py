"""The pictures that the deployed library holds."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scripts.gallery import gallery
from scripts.target import Target, local_directory
from tests.e2e.album import SAID


def described_gallery(folder: Path) -> None:
    """Lay out the gallery in ``folder``, with titles, tags and attributes of some of its pictures."""
    gallery(folder)
    lines = (json.dumps({"key": name, **said}) for name, said in SAID.items())
    (folder / "metadata.jsonl").write_text("\n".join(lines), "utf-8")


@dataclass(frozen=True, kw_only=True)
class Album:
    """The gallery's folder on this machine, and the environment whose library holds its pictures."""

    folder: Path
    target: Target

    def s3(self) -> Any:
        """A client of the bucket that the library lies in."""
        return self.target.s3()

    def page_url(self, variables: Mapping[str, str]) -> str:
        """The page's address with the API key behind `#`."""
        described = json.loads((local_directory(variables) / "environment.json").read_text("utf-8"))
        return f"{described['page_url']}#key={self.target.api_key}"
