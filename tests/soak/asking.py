"""Requests to the public API as they are sent and judged."""

import base64
import time
from typing import Any
from urllib.parse import quote

import httpx

from imagesearch.models import document_id
from imagesearch_client import ImageState, SearchResult
from tests.pictures import jpeg
from tests.soak.account import Account
from tests.soak.oracle import Answered, Asked, Oracle, Verdict
from tests.soak.site import Site


class Asker:
    """Asks as one caller, and has every answer judged and noted."""

    def __init__(self, site: Site, account: Account, oracle: Oracle, http: httpx.Client) -> None:
        self._site = site
        self._account = account
        self._oracle = oracle
        self._http = http

    def search(self, kind: str, body: dict[str, Any], **about: Any) -> SearchResult | None:
        """Ask POST /search; the result where the answer is right."""
        asked = Asked(route="/search", method="POST", started=time.monotonic(), k=body.get("k", 10), **about)
        answered = self._send("POST", "search", json=body)
        if self._note(kind, asked, answered).outcome != "right":
            return None
        return SearchResult.model_validate(answered.body)

    def picture(self, key: str, seed: int) -> bool:
        """Search by the bytes of a picture; whether it was found as the nearest to itself."""
        image = {"base64": base64.b64encode(jpeg(seed=seed)).decode()}
        found = self.search("picture", {"image": image, "include": ["embedding"]}, own=key, with_vectors=True)
        return found is not None and any(hit.key == key and hit.score > 1 - 1e-4 for hit in found.hits)

    def similar(self, key: str) -> None:
        """Ask for what resembles an indexed picture."""
        asked = Asked(route="/images/{id}/similar", method="GET", started=time.monotonic(), like=key)
        self._note("similar", asked, self._send("GET", f"images/{document_id(key)}/similar"))

    def state(self, key: str) -> tuple[float, bool, ImageState | None]:
        """When a picture's state was asked for, whether the answer was right, and the state, if any."""
        asked = Asked(route="/images/{id}", method="GET", started=time.monotonic(), image=key)
        answered = self._send("GET", f"images/{document_id(key)}")
        verdict = self._note("image", asked, answered)
        if verdict.outcome != "right" or answered.status != 200:
            return asked.started, verdict.outcome == "right", None
        return asked.started, True, ImageState.model_validate(answered.body)

    def pages(self, *, prefix: str, text: str, group: frozenset[str], k: int) -> None:
        """Ask for every page of a search, one after the other."""
        body: dict[str, Any] = {"text": text, "prefix": prefix, "k": k}
        pages: list[SearchResult] = []
        started = time.monotonic()
        while (page := self.search("page", body, prefix=prefix)) is not None:
            pages.append(page)
            if page.cursor is None:
                whole = Asked(route="/search", method="POST", started=started, group=group)
                self._account.add("pages together", started, self._oracle.judge_pages(whole, pages))
                return
            body = {**body, "cursor": page.cursor}

    def _note(self, kind: str, asked: Asked, answered: Answered) -> Verdict:
        verdict = self._oracle.judge(asked, answered)
        self._account.add(kind, asked.started, verdict)
        return verdict

    def _send(self, method: str, path: str, **request: Any) -> Answered:
        address = f"{self._site.target.url.rstrip('/')}/{quote(path)}"
        try:
            response = self._http.request(method, address, **request)
            return Answered(status=response.status_code, headers=response.headers, body=response.json())
        except httpx.HTTPError as error:
            return Answered(trouble=f"{method} {path}: {error!r}")
        except ValueError:
            return Answered(
                trouble=f"{method} {path}: {response.status_code} without JSON: {response.text:.200}"
            )
