"""The client before the genuine query function and a bucket, both in memory."""

import json
from dataclasses import replace
from email import message_from_bytes
from typing import Any
from urllib.parse import parse_qs

import httpx

from imagesearch.entrypoints import wiring
from imagesearch.uploads import Uploads
from imagesearch_client import ImageSearchClient
from tests.builders import InMemoryHouse, in_memory_house
from tests.query_api import Api, parts_of, proxy_event

URL = "http://api/prod"
WEBP = b"RIFF\x04\0\0\0WEBP"
MAX_UPLOAD_BYTES = 50_000_000


class House:
    """An in-memory library behind the query function; notes what it was asked, and takes uploads.

    The picture ``without_thumbnail`` was deleted, as it were, between being found and being shown.
    """

    def __init__(self, house: InMemoryHouse | None = None) -> None:
        # The function's log goes to where standard output is when it is first asked for: not a command's own.
        wiring.logger()
        self.house = house or in_memory_house()
        self.requests: list[httpx.Request] = []
        self.without_thumbnail: str | None = None
        uploads = Uploads(pictures=self.house.pictures, max_bytes=MAX_UPLOAD_BYTES)
        self._api = Api(lambda: replace(parts_of(self.house), uploads=uploads))

    def put(self, key: str, content: bytes, **said: Any) -> None:
        """A picture of the library, with what is said of it."""
        self.house.pictures.put(key, content)
        if said:
            self.house.pictures.put(f"{key}.json", json.dumps(said).encode())
        self.house.indexer.bring_in_line(key)

    def client(self) -> ImageSearchClient:
        return ImageSearchClient(URL, "secret", transport=httpx.MockTransport(self._answer))

    @property
    def asked(self) -> list[tuple[str, str]]:
        """Method and path of every request, a bucket's by its host."""
        return [
            (each.method, each.url.path.removeprefix("/prod") if each.url.host == "api" else each.url.host)
            for each in self.requests
        ]

    def bodies(self) -> list[dict[str, Any]]:
        """What was searched."""
        return [json.loads(each.content) for each in self.requests if each.url.path == "/prod/search"]

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        if request.url.host != "api":
            return self._take(request)
        path = request.url.path.removeprefix("/prod")
        if path.startswith("/thumbnails/"):
            return self._thumbnail(request)
        event = proxy_event(
            request.method,
            path,
            body=request.content.decode() or None,
            query=parse_qs(request.url.query.decode()),
        )
        answer = self._api.answer(event)
        return httpx.Response(answer["statusCode"], content=answer["body"])

    def _thumbnail(self, request: httpx.Request) -> httpx.Response:
        if request.url.params["key"] == self.without_thumbnail:
            error = {"code": "image_unknown", "message": "It was deleted."}
            return httpx.Response(404, json={"error": error})
        return httpx.Response(200, content=WEBP, headers={"content-type": "image/webp"})

    def _take(self, request: httpx.Request) -> httpx.Response:
        """Store what a form brings, as S3 does: nothing is read behind the file."""
        header = f"content-type: {request.headers['content-type']}\n\n".encode()
        parts = message_from_bytes(header + request.content).walk()
        next(parts)
        fields = {
            str(part.get_param("name", header="content-disposition")): part.get_payload(decode=True)
            for part in parts
        }
        assert list(fields)[-1] == "file"
        key, content = fields["key"], fields["file"]
        assert isinstance(key, bytes)
        assert isinstance(content, bytes)
        self.house.pictures.put(key.decode(), content)
        return httpx.Response(204)
