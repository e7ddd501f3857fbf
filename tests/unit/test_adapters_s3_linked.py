"""Reading pictures by their links, from a bucket on loopback that answers as S3 does."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from imagesearch.adapters.s3_linked import S3LinkedPictures
from imagesearch.adapters.s3_links import BucketAddress
from imagesearch.errors import (
    ImageUnknownError,
    LinkExpiredError,
    PictureEmptyError,
    SourceTooLargeError,
    StoreRefusedError,
    StoreUnavailableError,
)
from imagesearch.thumbnails import PictureLink

CONTENT = b"picture" * 1000
SIGNATURE = {"credential": "c/1", "date": "d", "expires": "9", "token": "t/+=", "signature": "s"}
LINK = PictureLink(key="album/ä 1.jpg", signature=SIGNATURE)


@dataclass
class Bucket:
    """What answers: `status` to everything, `cut` sends less than it promised; requests are all kept."""

    status: int = 200
    cut: bool = False
    asked: list[str] = field(default_factory=list)
    connections: int = 0
    sent: int = 0


@contextmanager
def _served(bucket: Bucket) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def setup(self) -> None:
            super().setup()
            bucket.connections += 1

        def do_GET(self) -> None:
            bucket.asked.append(self.path)
            part = self.headers["range"] == "bytes=0-0"
            content = b"<Error/>" if bucket.status >= 300 else CONTENT[:1] if part else CONTENT
            self.send_response(206 if part and bucket.status == 200 else bucket.status)
            self.send_header("etag", '"e1"')
            self.send_header("content-length", str(len(content)))
            self.send_header("location", "http://127.0.0.1:9/elsewhere")
            self.end_headers()
            sent = content[: len(content) // 2] if bucket.cut else content
            bucket.sent += len(sent)
            try:
                self.wfile.write(sent)
            except OSError:
                self.close_connection = True
            self.close_connection |= bucket.cut

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/pictures/"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def bucket() -> Bucket:
    return Bucket()


@pytest.fixture
def pictures(bucket: Bucket) -> Iterator[S3LinkedPictures]:
    with _served(bucket) as base:
        yield S3LinkedPictures(BucketAddress(base=base, region="us-east-1"))


def test_a_link_is_asked_as_it_was_signed_and_for_its_etag_one_byte_is_read(
    bucket: Bucket, pictures: S3LinkedPictures
) -> None:
    assert pictures.etag(LINK) == "e1"
    assert bucket.sent == 1
    assert bucket.asked == [
        "/pictures/album/%C3%A4%201.jpg?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-SignedHeaders=host"
        "&X-Amz-Credential=c%2F1&X-Amz-Date=d&X-Amz-Expires=9&X-Amz-Security-Token=t%2F%2B%3D&X-Amz-Signature=s"
    ]


def test_a_picture_is_read_whole_on_the_same_connection(bucket: Bucket, pictures: S3LinkedPictures) -> None:
    for _ in range(3):
        pictures.etag(LINK)
        assert pictures.read(LINK, max_bytes=len(CONTENT)) == (CONTENT, "e1")
    assert bucket.connections == 1


def test_a_picture_that_is_too_large_is_refused_before_it_is_read(pictures: S3LinkedPictures) -> None:
    with pytest.raises(SourceTooLargeError, match="7000 bytes; at most 6999"):
        pictures.read(LINK, max_bytes=len(CONTENT) - 1)


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, LinkExpiredError),
        (403, LinkExpiredError),
        (404, ImageUnknownError),
        (416, PictureEmptyError),
        (301, StoreRefusedError),
        (307, StoreRefusedError),
        (429, StoreUnavailableError),
        (500, StoreUnavailableError),
        (503, StoreUnavailableError),
    ],
)
def test_what_s3_answers_is_told_apart(
    bucket: Bucket, pictures: S3LinkedPictures, status: int, error: type[Exception]
) -> None:
    bucket.status = status
    asks: list[Callable[[], object]] = [
        lambda: pictures.etag(LINK),
        lambda: pictures.read(LINK, max_bytes=len(CONTENT)),
    ]
    for ask in asks:
        with pytest.raises(error):
            ask()
    assert all(path.startswith("/pictures/") for path in bucket.asked), "a redirect was followed"


def test_a_link_that_is_not_whole_is_not_asked(bucket: Bucket, pictures: S3LinkedPictures) -> None:
    with pytest.raises(LinkExpiredError):
        pictures.etag(PictureLink(key="a.jpg", signature={"size": "1"}))
    assert bucket.asked == []


def test_a_picture_that_breaks_off_is_no_picture(bucket: Bucket, pictures: S3LinkedPictures) -> None:
    bucket.cut = True
    with pytest.raises(StoreUnavailableError):
        pictures.read(LINK, max_bytes=len(CONTENT))


def test_an_unreachable_bucket_is_unavailable() -> None:
    nowhere = S3LinkedPictures(BucketAddress(base="http://127.0.0.1:9/pictures/", region="us-east-1"))
    with pytest.raises(StoreUnavailableError):
        nowhere.etag(LINK)
