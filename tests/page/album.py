"""The pictures that the deployed library holds."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scripts.target import Target, local_directory


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
