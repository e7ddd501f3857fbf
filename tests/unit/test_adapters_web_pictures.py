"""Fetching what strangers name, from real sockets: nothing but public web servers, within bounds.

Of the hosts on this machine, 127.0.0.2 stands for a public one; all others are judged as they always are.
"""

import itertools
import ssl
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from imagesearch.adapters.public_addresses import is_web_server
from imagesearch.adapters.web_pictures import PublicWebPictures, resolved
from imagesearch.deadline import deadline
from imagesearch.errors import DeadlineError, UrlRefusedError, UrlUnreachableError, UseUploadError
from tests.ports import free_ports
from tests.web_server import head, ok, web_server

PUBLIC = "127.0.0.2"
HOST = "pictures.test"
PICTURE = bytes(range(256)) * 3
MAX_BYTES = 1000

Resolve = Callable[[str, int], Sequence[str]]


def _allowed(address: str, port: int) -> bool:
    return address == PUBLIC or is_web_server(address, port)


def _names(host: str, port: int) -> Sequence[str]:
    """Look names that end with `.test` up here, and all others in the system."""
    return [PUBLIC] if host.endswith(".test") else resolved(host, port)


def _pictures(
    *,
    resolve: Resolve = _names,
    seconds: float = 5,
    plain_http: bool = True,
    tls: Callable[[], ssl.SSLContext] = ssl.create_default_context,
) -> PublicWebPictures:
    return PublicWebPictures(
        max_bytes=MAX_BYTES,
        plain_http=plain_http,
        seconds=seconds,
        resolve=resolve,
        is_allowed=_allowed,
        tls=tls,
    )


def _fetch_from(answer: Iterable[bytes], **options: float) -> bytes:
    """Fetch from a server that answers so."""
    with web_server(lambda _: answer) as server:
        return _pictures(**options).fetch(server.url(HOST))  # type: ignore[arg-type]


def _redirect(location: str, status: str = "302 Found") -> list[bytes]:
    return [head(status, Location=location, Content_Length="0")]


def test_a_picture_is_asked_for_as_it_is_and_with_nothing_of_ours() -> None:
    with web_server(lambda _: [ok(PICTURE, Content_Type="image/png")]) as server:
        assert _pictures().fetch(server.url(HOST, "/a b/ä.png?size=1&x=%20#top")) == PICTURE
    request, *headers = server.heads[0].strip().split("\r\n")
    assert request == "GET /a%20b/%C3%A4.png?size=1&x=%20 HTTP/1.1"
    assert sorted(headers) == [
        "Accept-Encoding: identity",
        "Accept: image/*",
        "Connection: close",
        f"Host: {HOST}:{server.port}",
        "User-Agent: imagesearch",
    ]


@pytest.mark.parametrize(
    "pieces",
    [
        [ok(PICTURE)],
        [ok(PICTURE, Content_Type="application/octet-stream", Content_Encoding="identity")],
        [head("200 OK", Content_Type="nonsense"), PICTURE],
        [head("200 OK", Transfer_Encoding="chunked"), b"300\r\n", PICTURE, b"\r\n0\r\n\r\n"],
        [bytes([byte]) for byte in ok(PICTURE)],
    ],
    ids=["length", "octets", "until the end", "chunked", "in drops"],
)
def test_a_picture_may_come_in_any_way_that_http_has(pieces: list[bytes]) -> None:
    assert _fetch_from(pieces) == PICTURE


@pytest.mark.parametrize("status", ["301 M", "302 F", "303 S", "307 T", "308 P"])
def test_redirects_are_followed(status: str) -> None:
    def answer(request: str) -> list[bytes]:
        if "GET /a/b " in request:
            return _redirect("../c", status)
        return _redirect(server.url("other.test", "/d"), status) if "/c" in request else [ok(PICTURE)]

    with web_server(answer) as server:
        assert _pictures().fetch(server.url(HOST, "/a/b")) == PICTURE
    assert [request.split()[1] for request in server.heads] == ["/a/b", "/c", "/d"]
    assert f"Host: other.test:{server.port}" in server.heads[2]


def test_redirects_end_after_the_third() -> None:
    with (
        web_server(lambda _: _redirect("/again")) as server,
        pytest.raises(UrlUnreachableError, match="more than 3 times"),
    ):
        _pictures().fetch(server.url(HOST))
    assert len(server.heads) == 4


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/",
        "http://127.1/",
        "http://2130706433/",
        "http://0x7f.1/",
        "http://017700000001/",
        "http://0/",
        "http://localhost/",
        "http://10.1.2.3/",
        "http://169.254.169.254/latest/meta-data/",
        "http://100.64.0.1/",
        "http://[::1]/",
        "http://[::]/",
        "http://[::ffff:127.0.0.1]/",
        "http://[::ffff:a9fe:a9fe]/",
        "http://[64:ff9b::a9fe:a9fe]/",
        "http://[2002:7f00:1::]/",
        "http://[fd00:ec2::254]/",
        "http://\uff11\uff12\uff17.0.0.1/",
    ],
)
def test_no_way_of_writing_an_address_leads_inside(url: str) -> None:
    with pytest.raises(UrlRefusedError, match="public internet"):
        _pictures().fetch(url)
    with (
        web_server(lambda _: _redirect(url)) as server,
        pytest.raises(UrlRefusedError),
    ):
        _pictures().fetch(server.url(HOST))
    assert len(server.heads) == 1


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost"])
def test_a_server_inside_is_never_asked(name: str) -> None:
    with (
        web_server(lambda _: [ok(PICTURE)], host="127.0.0.1") as inside,
        web_server(lambda _: _redirect(inside.url(name))) as server,
        pytest.raises(UrlRefusedError),
    ):
        _pictures().fetch(server.url(HOST))
    assert (len(server.heads), inside.heads) == (1, [])


def test_a_name_that_leads_elsewhere_when_it_is_looked_up_again_gains_nothing() -> None:
    answers = itertools.chain([[PUBLIC]], itertools.repeat(["127.0.0.1"]))
    looked_up: list[str] = []

    def rebinding(host: str, port: int) -> Sequence[str]:
        looked_up.append(host)
        return next(answers)

    with web_server(lambda request: _redirect("/b") if "GET / " in request else [ok(PICTURE)]) as server:
        with pytest.raises(UrlRefusedError):
            _pictures(resolve=rebinding).fetch(server.url(HOST))
        assert len(server.heads) == 1
    assert looked_up == [HOST, HOST]


@pytest.mark.parametrize("addresses", [[PUBLIC, "127.0.0.1"], ["10.0.0.1", PUBLIC], [PUBLIC, "::1"]])
def test_one_address_inside_condemns_a_host(addresses: list[str]) -> None:
    with web_server(lambda _: [ok(PICTURE)]) as server, pytest.raises(UrlRefusedError):
        _pictures(resolve=lambda *_: addresses).fetch(server.url(HOST))
    assert server.heads == []


def test_the_next_address_of_a_host_is_tried_where_one_does_not_answer() -> None:
    def is_allowed(address: str, port: int) -> bool:
        return address in (PUBLIC, "127.0.0.3")

    with web_server(lambda _: [ok(PICTURE)]) as server:
        pictures = PublicWebPictures(
            max_bytes=MAX_BYTES,
            plain_http=True,
            resolve=lambda *_: ["127.0.0.3", PUBLIC],
            is_allowed=is_allowed,
        )
        assert pictures.fetch(server.url(HOST)) == PICTURE


@pytest.mark.parametrize("port", [0, 21, 22, 8080, 8443, 9200])
def test_other_ports_than_the_webs_are_refused(port: int) -> None:
    pictures = PublicWebPictures(max_bytes=MAX_BYTES, resolve=lambda *_: ["93.184.216.34"])
    with pytest.raises(UrlRefusedError, match="port"):
        pictures.fetch(f"https://{HOST}:{port}/")


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("", "must begin with"),
        ("pictures.test/a.jpg", "must begin with"),
        ("//pictures.test/a.jpg", "must begin with"),
        ("file:///etc/passwd", "must begin with"),
        ("ftp://pictures.test/a.jpg", "must begin with"),
        ("gopher://pictures.test/", "must begin with"),
        ("https://user@pictures.test/", "password"),
        ("https://user:secret@pictures.test/", "password"),
        ("https://@pictures.test/", "password"),
        ("https://pictures.test\\@127.0.0.1/", "password"),
        ("https:///a.jpg", "no host"),
        ("https://pictures.test:99999/", "not a URL"),
        ("https://pictures.test:port/", "not a URL"),
        ("https://[::1/", "not a URL"),
        (f"https://{'a' * 64}.test/", "not a URL"),
        ("https://a..test/", "not a URL"),
        ("https://pictures.test/\ud800", "not a URL"),
    ],
)
def test_an_address_that_is_none_is_refused_with_the_reason(url: str, message: str) -> None:
    with pytest.raises(UrlRefusedError, match=message):
        _pictures().fetch(url)


@pytest.mark.parametrize(("scheme", "asked"), [("http", 0), ("https", 1)])
def test_plain_http_is_refused_unless_it_is_wanted(scheme: str, asked: int, certified: "Certified") -> None:
    pictures = _pictures(plain_http=False, tls=lambda: certified.client)
    with web_server(lambda _: _redirect("http://pictures.test/"), tls=certified.server) as server:
        with pytest.raises(UrlRefusedError, match=r"must begin with https://\."):
            pictures.fetch(server.url(HOST, scheme=scheme))
        assert len(server.heads) == asked


def _dripping(first: bytes) -> Iterator[bytes]:
    """An answer that begins so and never ends, a byte at a time, until nobody listens."""
    never = threading.Event()
    yield first
    while not never.wait(0.02):
        yield b"a"


SLOW = {
    "silent": lambda: _dripping(b""),
    "status": lambda: _dripping(b"HTTP/1.1 200 "),
    "header": lambda: _dripping(b"HTTP/1.1 200 OK\r\nX-A: "),
    "body": lambda: _dripping(head("200 OK", Content_Length="900")),
    "unbounded": lambda: _dripping(head("200 OK")),
}


@pytest.mark.parametrize("slow", SLOW)
def test_whoever_drips_is_given_up_in_time(slow: str) -> None:
    with pytest.raises(UrlUnreachableError, match=r"within 0\.3 seconds"):
        _fetch_from(SLOW[slow](), seconds=0.3)


def test_all_requests_of_a_fetch_share_its_time() -> None:
    def answer(_: str) -> Iterator[bytes]:
        threading.Event().wait(0.2)
        yield from _redirect("/again")

    with web_server(answer) as server, pytest.raises(UrlUnreachableError, match="within"):
        _pictures(seconds=0.3).fetch(server.url(HOST))


def test_a_name_that_is_looked_up_for_too_long_is_given_up_in_time() -> None:
    ended = threading.Event()

    def slow(host: str, port: int) -> Sequence[str]:
        ended.wait(5)
        return [PUBLIC]

    with pytest.raises(UrlUnreachableError, match="within"):
        _pictures(resolve=slow, seconds=0.1).fetch(f"http://{HOST}/")
    ended.set()


def test_nothing_is_asked_when_the_requests_own_time_is_over() -> None:
    with web_server(lambda _: [ok(PICTURE)]) as server, deadline(0.1), pytest.raises(DeadlineError):
        _pictures().fetch(server.url(HOST))
    assert server.heads == []


def test_an_endless_picture_is_not_read_to_its_end() -> None:
    endless = itertools.chain([head("200 OK", Content_Type="image/jpeg")], itertools.repeat(bytes(500)))
    with pytest.raises(UseUploadError, match="1000 bytes"):
        _fetch_from(endless)


def test_a_picture_that_says_it_is_too_large_is_not_read_at_all() -> None:
    def answer() -> Iterator[bytes]:
        yield head("200 OK", Content_Length=str(MAX_BYTES + 1))
        yield from _dripping(b"")

    with pytest.raises(UseUploadError, match="1000 bytes"):
        _fetch_from(answer())


def test_a_picture_of_just_the_largest_size_is_fetched() -> None:
    assert _fetch_from([ok(bytes(MAX_BYTES))]) == bytes(MAX_BYTES)
    assert _fetch_from([head("200 OK"), bytes(MAX_BYTES)]) == bytes(MAX_BYTES)


@pytest.mark.parametrize("kind", ["text/html; charset=utf-8", "video/mp4", "TEXT/plain"])
def test_what_calls_itself_no_picture_is_not_read(kind: str) -> None:
    with pytest.raises(UrlUnreachableError, match="not a picture"):
        _fetch_from([ok(PICTURE, Content_Type=kind)])


@pytest.mark.parametrize("encoding", ["gzip", "br", "identity, gzip"])
def test_nothing_is_unpacked(encoding: str) -> None:
    with pytest.raises(UrlUnreachableError, match="encoded"):
        _fetch_from([ok(PICTURE, Content_Encoding=encoding)])


@pytest.mark.parametrize("status", ["204 No Content", "304 Not Modified", "404 Not Found", "500 Oh"])
def test_an_answer_without_a_picture_tells_its_status(status: str) -> None:
    with pytest.raises(UrlUnreachableError, match=f"status {status[:3]}"):
        _fetch_from([head(status, Content_Length="0")])


@pytest.mark.parametrize(
    "pieces",
    [
        [],
        [ok(b"")],
        [b"SSH-2.0-OpenSSH_9.9\r\n"],
        [b"HTTP/1.1 200 OK\r\nContent-Le"],
        [head("200 OK", Content_Length="900"), PICTURE],
        [head("200 OK", Transfer_Encoding="chunked"), b"fff\r\n", PICTURE],
        [head("200 OK", Transfer_Encoding="chunked"), b"x\r\n"],
        [b"HTTP/1.1 200 OK\r\n", *[b"X-A: b\r\n"] * 200, b"\r\n"],
        [b"HTTP/1.1 200 OK\r\nX-A: ", b"a" * 70_000, b"\r\n\r\n"],
        _redirect("")[:1],
    ],
    ids=[
        *("nothing", "no bytes", "no http", "half a head", "cut short", "half a chunk", "no chunk"),
        *("many headers", "long header", "no place"),
    ],
)
def test_half_an_answer_or_none_is_no_picture(pieces: list[bytes]) -> None:
    with pytest.raises(UrlUnreachableError):
        _fetch_from(pieces)


def test_a_host_that_there_is_not_or_that_does_not_answer_is_unreachable() -> None:
    (port,) = free_ports(1)
    with pytest.raises(UrlUnreachableError, match="cannot be reached"):
        _pictures().fetch(f"http://{HOST}:{port}/")
    with pytest.raises(UrlUnreachableError, match="cannot be reached"):
        _pictures(resolve=lambda *_: []).fetch(f"http://{HOST}/")


def test_no_proxy_of_the_environment_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    with web_server(lambda _: [ok(b"of the proxy")]) as proxy, web_server(lambda _: [ok(PICTURE)]) as server:
        for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url(PUBLIC))
        assert _pictures().fetch(server.url(HOST)) == PICTURE


class Certified:
    """A certificate for one name, and the two sides of connections that trust it."""

    def __init__(self, folder: Path, name: str) -> None:
        key, moment = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        certificate = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(moment - timedelta(hours=1))
            .not_valid_after(moment + timedelta(hours=1))
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
            .sign(key, hashes.SHA256())
        )
        path = folder / "server.pem"
        path.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
            + certificate.public_bytes(serialization.Encoding.PEM)
        )
        self.server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.server.load_cert_chain(path)
        self.client = ssl.create_default_context(cafile=str(path))


@pytest.fixture(scope="module")
def certified(tmp_path_factory: pytest.TempPathFactory) -> Certified:
    return Certified(tmp_path_factory.mktemp("certificate"), HOST)


def test_a_server_proves_that_it_is_the_host_and_not_just_the_address(certified: Certified) -> None:
    with web_server(lambda _: [ok(PICTURE)], tls=certified.server) as server:
        trusting = _pictures(plain_http=False, tls=lambda: certified.client)
        assert trusting.fetch(server.url(HOST, scheme="https")) == PICTURE
        with pytest.raises(UrlUnreachableError):
            trusting.fetch(server.url("other.test", scheme="https"))
        with pytest.raises(UrlUnreachableError):
            _pictures(plain_http=False).fetch(server.url(HOST, scheme="https"))
