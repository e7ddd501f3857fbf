"""The files that a bulk run leaves in the artifact bucket, read as the command line needs them."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from imagesearch.bulk.runs import RUNS, Reject, RunKeys
from scripts.aws_errors import aws_errors


@dataclass(frozen=True, kw_only=True)
class RunFiles:
    """The files of one run. Every method raises ``CommandError`` (``aws_refused``, ``aws_unreachable``)."""

    s3: Any
    bucket: str
    run: str

    @property
    def keys(self) -> RunKeys:
        """Where the run's files are."""
        return RunKeys(self.run)

    @aws_errors()
    def read(self, key: str) -> dict[str, Any] | None:
        """The JSON document at ``key``; None where the run has not written it."""
        try:
            answer = self.s3.get_object(Bucket=self.bucket, Key=key)
        except self.s3.exceptions.NoSuchKey:
            return None
        document: dict[str, Any] = json.load(answer["Body"])
        return document

    @aws_errors()
    def upload(self, key: str, path: Path) -> None:
        """Put a local file at ``key``."""
        with path.open("rb") as file:
            self.s3.put_object(Bucket=self.bucket, Key=key, Body=file)

    @aws_errors()
    def names(self, folder: str, *, after: str = "") -> list[str]:
        """The names in ``folder``, in order, from the first that sorts behind ``after``."""
        return [key.removeprefix(folder) for key in self._keys(folder, after=after)]

    @aws_errors()
    def rejects(self, limit: int) -> list[Reject]:
        """The first ``limit`` rejected pictures, in the order of their shards."""
        found: list[Reject] = []
        for key in self._keys(self.keys.all_rejects):
            lines = self.s3.get_object(Bucket=self.bucket, Key=key)["Body"].iter_lines()
            found += [Reject(**json.loads(line)) for line in lines if line.strip()]
            if len(found) >= limit:
                break
        return found[:limit]

    def _keys(self, prefix: str, *, after: str = "") -> Iterator[str]:
        pages = self.s3.get_paginator("list_objects_v2").paginate(
            Bucket=self.bucket, Prefix=prefix, StartAfter=prefix + after
        )
        return (item["Key"] for page in pages for item in page.get("Contents", []))


@aws_errors()
def known_runs(s3: Any, *, bucket: str) -> set[str]:
    """The ids of every run that has left files in ``bucket``."""
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=RUNS, Delimiter="/")
    folders = (folder["Prefix"] for page in pages for folder in page.get("CommonPrefixes", []))
    return {folder.removeprefix(RUNS).strip("/") for folder in folders}
