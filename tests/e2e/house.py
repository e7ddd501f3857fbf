"""The deployed environment from behind: its index, its buckets, its queue and its processes."""

import json
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import httpx
import psutil

from imagesearch.models import document_id
from scripts.local.opensearch import OpenSearch
from scripts.local.settings import LocalSettings
from tests.e2e.library import Library
from tests.waiting import PATIENCE_SECONDS

DOCUMENTS = 10_000
"""More than any test writes: what one search answers at most."""


@dataclass(frozen=True)
class House:
    """What lies behind the API."""

    settings: LocalSettings
    s3: Any
    events: Any
    bucket: str

    @property
    def opensearch(self) -> str:
        return OpenSearch(self.settings).url

    def forget(self, library: Library, *names: str) -> None:
        """Remove documents from the index, as a lost or new index would have lost them."""
        for name in names:
            path = f"images/_doc/{document_id(library.key(name))}"
            httpx.delete(
                f"{self.opensearch}/{path}", params={"refresh": "true"}, timeout=PATIENCE_SECONDS
            ).raise_for_status()

    def forget_all(self, library: Library) -> None:
        """Remove every document of the library from the index."""
        httpx.post(f"{self.opensearch}/images/_refresh", timeout=PATIENCE_SECONDS).raise_for_status()
        httpx.post(
            f"{self.opensearch}/images/_delete_by_query",
            params={"refresh": "true", "conflicts": "proceed"},
            json={"query": {"prefix": {"key": library.prefix}}},
            timeout=PATIENCE_SECONDS,
        ).raise_for_status()

    def documents(self, library: Library) -> list[dict[str, Any]]:
        """Every document of the library, as searches see it once they see everything."""
        httpx.post(f"{self.opensearch}/images/_refresh", timeout=PATIENCE_SECONDS).raise_for_status()
        answer = httpx.post(
            f"{self.opensearch}/images/_search",
            json={
                "size": DOCUMENTS,
                "query": {"prefix": {"key": library.prefix}},
                "_source": {"excludes": ["embedding", "caption_embedding"]},
            },
            timeout=PATIENCE_SECONDS,
        ).raise_for_status()
        return [hit["_source"] for hit in answer.json()["hits"]["hits"]]

    def are_written(self, library: Library, names: Sequence[str]) -> list[bool]:
        """Whether each picture has a document, as of the last write."""
        identifiers = [document_id(library.key(name)) for name in names]
        answer = httpx.post(
            f"{self.opensearch}/images/_mget",
            params={"_source": "false"},
            json={"ids": identifiers},
            timeout=PATIENCE_SECONDS,
        ).raise_for_status()
        return [document["found"] for document in answer.json()["docs"]]

    def refresh_intervals(self) -> list[str]:
        answer = httpx.get(
            f"{self.opensearch}/images/_settings", params={"flat_settings": "true"}, timeout=PATIENCE_SECONDS
        )
        return [index["settings"]["index.refresh_interval"] for index in answer.json().values()]

    def objects(self, library: Library) -> dict[str, str]:
        """The ETag of each object of the library."""
        pages = self.s3.get_paginator("list_objects_v2").paginate(
            Bucket=library.bucket, Prefix=library.prefix
        )
        return {item["Key"]: item["ETag"].strip('"') for page in pages for item in page.get("Contents", [])}

    def read(self, key: str) -> str:
        return str(self.s3.get_object(Bucket=self.bucket, Key=key)["Body"].read().decode())

    def write(self, key: str, text: str) -> None:
        self.s3.put_object(Bucket=self.bucket, Key=key, Body=text.encode())

    def written(self, prefix: str) -> dict[str, datetime]:
        """When each object below ``prefix`` was last written, by its name."""
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=prefix)
        listed = (item for page in pages for item in page.get("Contents", []))
        return {item["Key"].removeprefix(prefix): item["LastModified"] for item in listed}

    def runs_over(self, prefix: str) -> set[str]:
        """The runs over this prefix that have begun."""
        begun = (name for name in self.written("runs/") if name.endswith("/run.json"))
        return {name.split("/")[0] for name in begun if self._prefix_of(name) == prefix}

    def _prefix_of(self, description: str) -> str:
        return str(json.loads(self.read(f"runs/{description}"))["prefix"])

    @contextmanager
    def without_events(self) -> Iterator[None]:
        """Let nobody hear of what is put into the picture bucket meanwhile."""
        rules = [rule["Name"] for rule in self.events.list_rules()["Rules"] if _hears_of_objects(rule)]
        assert rules, "no rule hears of the bucket's objects"
        for rule in rules:
            self.events.disable_rule(Name=rule)
        try:
            yield
        finally:
            for rule in rules:
                self.events.enable_rule(Name=rule)

    def kill_opensearch(self) -> None:
        pid = OpenSearch(self.settings).pid()
        assert pid is not None, "no OpenSearch of this environment runs"
        process = psutil.Process(pid)
        process.send_signal(signal.SIGKILL)
        process.wait(timeout=PATIENCE_SECONDS)

    def start_opensearch(self) -> None:
        OpenSearch(self.settings).start(fresh=False)

    def processes(self, **variables: str) -> list[psutil.Process]:
        """The processes of this environment whose environment variables hold these texts."""
        return [process for process in psutil.process_iter() if self._is_ours(process, variables)]

    def model_servers(self) -> list[psutil.Process]:
        """The processes that serve models, to endpoints and to transform jobs."""
        return self.processes(SAGEMAKER_BIND_TO_PORT="")

    def model_servers_of_jobs(self) -> list[psutil.Process]:
        """The processes that serve the model to a transform job."""
        return self.processes(SAGEMAKER_BATCH="")

    def _is_ours(self, process: psutil.Process, variables: dict[str, str]) -> bool:
        with suppress(psutil.Error):
            given = process.environ()
            marker = given.get("IMAGESEARCH_PROCESS", "")
            return marker.startswith(f"{self.settings.directory.resolve()}:") and all(
                name in given and text in given[name] for name, text in variables.items()
            )
        return False


def kill(processes: Sequence[psutil.Process]) -> None:
    """End processes at once; those that have ended meanwhile are no matter."""
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.kill()


def _hears_of_objects(rule: dict[str, Any]) -> bool:
    return "Object Created" in rule.get("EventPattern", "")
