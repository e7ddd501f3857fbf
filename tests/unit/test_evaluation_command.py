"""`imagesearch evaluate` against an API on loopback that finds the pictures named like the query."""

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from imagesearch.models import document_id
from scripts import gallery as demo
from scripts.cli import app
from scripts.errors import CommandError
from scripts.evaluation import labels as labels_module
from scripts.evaluation.labels import read_labels
from tests.builders import FINGERPRINT

KEYS = ("cat-1.png", "cat-2.png", "dog-1.png", "dog <b>2</b>.png")
GALLERY = Path(labels_module.__file__).with_name("gallery.jsonl")


@dataclass
class FakeApi:
    """Answers as the query API does; ``upside_down`` turns its rankings around."""

    url: str = ""
    upside_down: bool = False
    index: str = "images-5e5e-1"
    asked: list[dict[str, Any]] = field(default_factory=list)

    def search(self, body: dict[str, Any]) -> dict[str, Any]:
        self.asked.append(body)
        wanted = body.get("text") or self._key(body["image"])
        keys = sorted(KEYS, key=lambda key: key[:3] != wanted[:3], reverse=self.upside_down)
        return {
            "hits": [_hit(key, 0.9 - rank / 10) for rank, key in enumerate(keys[: body["k"]])],
            "found": len(keys),
            "took_ms": {"total": 1.0},
            "model": {"fingerprint": FINGERPRINT},
            "index": self.index,
        }

    def image(self, id_: str) -> dict[str, Any] | None:
        known = {document_id(key): key for key in KEYS}
        if id_ not in known:
            return None
        return _facts(known[id_]) | {"state": "indexed", "etag": "e"}

    def health(self) -> dict[str, Any]:
        index = {"index": self.index, "fingerprint": FINGERPRINT, "space": "cosinesimil", "attributes": {}}
        return {"status": "ok", "pictures": len(KEYS), "parts": {"index": "ok", "model": "ok"}, **index}

    def _key(self, image: dict[str, str]) -> str:
        return next((key for key in KEYS if document_id(key) == image.get("id")), "cat")


def _hit(key: str, score: float) -> dict[str, Any]:
    return _facts(key) | {"score": score, "matched": ["picture"]}


def _facts(key: str) -> dict[str, Any]:
    links = {"url": f"http://pictures/{key}", "thumbnail_url": f"thumbnails/{document_id(key)}"}
    size = {"width": 4, "height": 3, "size": 12, "content_type": "image/png"}
    return {"id": document_id(key), "key": key, "last_modified": "2026-03-01T12:00:00Z", **links, **size}


@pytest.fixture
def api() -> Iterator[FakeApi]:
    fake = FakeApi()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path == "/health":
                self._answer(200, fake.health())
            elif state := fake.image(self.path.removeprefix("/images/")):
                self._answer(200, state)
            else:
                self._answer(404, {"error": {"code": "image_unknown", "message": "No picture."}})

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            self._answer(200, fake.search(body))

        def _answer(self, status: int, document: dict[str, Any]) -> None:
            content = json.dumps(document).encode()
            self.send_response(status)
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    fake.url = f"http://127.0.0.1:{server.server_address[1]}"
    yield fake
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def labels(tmp_path: Path) -> Path:
    return written(
        tmp_path / "pets.jsonl",
        {"text": "cat", "relevant": ["cat-1.png", "cat-2.png"]},
        {"text": "dog", "relevant": {"dog-1.png": 2, "dog <b>2</b>.png": 1}},
        {"picture": "cat-1.png", "relevant": ["cat-2.png"]},
    )


def written(path: Path, *documents: dict[str, Any]) -> Path:
    path.write_text("".join(json.dumps(document) + "\n" for document in documents))
    return path


def evaluate(api: FakeApi, labels: Path, *arguments: object) -> Result:
    command = ["evaluate", str(labels), "--url", api.url, "--api-key", "k", *map(str, arguments)]
    return CliRunner().invoke(app, command)


def test_figures_are_printed_with_their_intervals(api: FakeApi, labels: Path) -> None:
    done = evaluate(api, labels, "--k", 2)
    assert done.exit_code == 0
    assert "recall@2  1.000  1.000 to 1.000" in " ".join(done.stdout.split("\n"))
    assert "0 of 3 queries were not answered perfectly." in done.stdout


def test_a_picture_of_the_index_is_asked_by_its_id_and_not_counted_among_its_own_hits(
    api: FakeApi, labels: Path
) -> None:
    done = evaluate(api, labels, "--k", 1, "--json")
    figures = json.loads(done.stdout)["measures"]
    assert figures["mrr@1"]["mean"] == 1
    assert {"image": {"id": document_id("cat-1.png")}, "k": 2, "part": "picture"} in api.asked


def test_a_picture_that_is_a_file_is_sent(api: FakeApi, tmp_path: Path) -> None:
    (tmp_path / "my.png").write_bytes(b"png")
    labels = written(tmp_path / "own.jsonl", {"picture": "./my.png", "relevant": ["cat-1.png"]})
    done = evaluate(api, labels, "--min", "mrr@10=1")
    assert done.exit_code == 0
    assert api.asked[0]["image"] == {"base64": "cG5n"}


def test_a_run_is_asked_with_other_settings_and_words_are_no_part_of_pictures(
    api: FakeApi, labels: Path, tmp_path: Path
) -> None:
    kept = tmp_path / "run.json"
    options = ("--hybrid", "--cutoff", "auto", "--part", "any", "--prefix", "p/", "--save", kept)
    assert evaluate(api, labels, *options).exit_code == 0
    assert {(body.get("text") is None, body.get("hybrid")) for body in api.asked} == {
        (True, None),
        (False, True),
    }
    assert {(body["cutoff"], body["part"], body["prefix"]) for body in api.asked} == {("auto", "any", "p/")}
    told = json.loads(kept.read_text())["settings"]
    assert told == {"part": "any", "prefix": "p/", "hybrid": True, "cutoff": "auto"}


def test_a_minimum_that_is_missed_ends_with_status_2_and_one_that_is_met_with_0(
    api: FakeApi, labels: Path
) -> None:
    assert evaluate(api, labels, "--k", 2, "--min", "recall@2=0.9", "--min", "ndcg@2=1").exit_code == 0
    api.upside_down = True
    done = evaluate(api, labels, "--k", 2, "--min", "recall@2=0.9", "--json")
    assert done.exit_code == 2
    assert json.loads(done.stdout)["missed"] == ["recall@2 is 0.000, less than 0.9."]
    assert "missed: recall@2 is 0.000, less than 0.9." in done.stderr


def test_two_kept_runs_are_compared_side_by_side(api: FakeApi, labels: Path, tmp_path: Path) -> None:
    kept = tmp_path / "before.json"
    assert evaluate(api, labels, "--k", 3, "--save", kept).exit_code == 0
    api.upside_down = True
    done = evaluate(api, labels, "--k", 3, "--against", kept)
    assert done.exit_code == 0
    assert "0 better, 3 worse." in done.stdout
    compared = json.loads(evaluate(api, labels, "--k", 3, "--against", kept, "--json").stdout)["comparison"]
    assert compared["differences"]["ndcg@3"]["high"] < 0
    assert len(compared["worse"]) == 3


class _Page(HTMLParser):
    """Checks that every element that is opened is closed, and gathers what it shows."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.sources: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.sources += [str(value) for name, value in attrs if name == "src"]
        if tag not in ("meta", "img"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def read_page(path: Path) -> _Page:
    page = _Page()
    page.feed(path.read_text("utf-8"))
    assert page.open == []
    return page


def test_failures_become_a_page_with_the_pictures_by_their_links(
    api: FakeApi, labels: Path, tmp_path: Path
) -> None:
    kept, html = tmp_path / "before.json", tmp_path / "report.html"
    evaluate(api, labels, "--k", 2, "--save", kept)
    api.upside_down = True
    assert evaluate(api, labels, "--k", 2, "--html", html, "--against", kept).exit_code == 0
    page = read_page(html)
    assert "“dog”" in page.text
    assert "dog <b>2</b>.png" in page.text
    assert "Against before" in page.text
    assert "http://pictures/dog-1.png" in page.sources


def test_pictures_of_a_folder_are_kept_in_the_page_each_once(
    api: FakeApi, labels: Path, tmp_path: Path
) -> None:
    folder, html = tmp_path / "pictures", tmp_path / "report.html"
    folder.mkdir()
    for key in KEYS[:3]:
        (folder / key).write_bytes(f"content of {key}".encode())
    api.upside_down = True
    assert evaluate(api, labels, "--k", 2, "--html", html, "--pictures", folder).exit_code == 0
    content = html.read_text("utf-8")
    assert content.count("data:image/png;base64,") == 3
    assert "http://pictures/cat-1.png" not in content
    read_page(html)


def test_a_key_that_climbs_out_of_the_folder_is_not_read(api: FakeApi, tmp_path: Path) -> None:
    from scripts.evaluation.report import sources_of
    from scripts.evaluation.runs import Asked, Run

    (tmp_path / "secret.png").write_bytes(b"secret")
    (tmp_path / "pictures").mkdir()
    asked = Asked(kind="text", query="a", relevant={"../secret.png": 1.0}, hits=())
    run = Run(name="n", index="i", fingerprint="f", k=1, settings={}, queries=(asked,))
    assert sources_of([run], tmp_path / "pictures") == {}


def test_every_fault_of_the_labels_is_told_before_anything_is_asked(api: FakeApi, tmp_path: Path) -> None:
    path = tmp_path / "labels.jsonl"
    good = '{"text": "cat", "relevant": ["cat-1.png"]}'
    lines = [good, "{", '{"text": "a", "relevant": []}', good, '{"picture": "./no.png", "relevant": ["a"]}']
    path.write_text("\n".join(lines))
    done = evaluate(api, path)
    assert isinstance(done.exception, CommandError)
    assert done.exception.code == "labels_invalid"
    assert "has 4 faults; nothing was asked." in done.exception.message
    for expected in ("Line 2 ", "Line 3 ", "Line 4 of the labelled queries asks what line 1 asks", "Line 5 "):
        assert expected in done.exception.message
    assert api.asked == []


def test_labels_of_pictures_that_are_not_indexed_are_told_before_anything_is_asked(
    api: FakeApi, tmp_path: Path
) -> None:
    labels = written(
        tmp_path / "labels.jsonl",
        {"text": "cat", "relevant": ["cat-1.png"]},
        {"text": "cow", "relevant": ["cow.png"]},
        {"picture": "pig.png", "relevant": ["cow.png", "cat-1.png"]},
    )
    done = evaluate(api, labels)
    assert isinstance(done.exception, CommandError)
    assert "Line 2 of the labelled queries names cow.png" in done.exception.message
    assert "Line 3 of the labelled queries names pig.png" in done.exception.message
    assert api.asked == []


def test_a_file_without_labels_is_refused(tmp_path: Path) -> None:
    for content, code in ((None, "labels_unreadable"), ("\n", "labels_invalid")):
        path = tmp_path / "labels.jsonl"
        if content is not None:
            path.write_text(content)
        with pytest.raises(CommandError) as raised:
            read_labels(path)
        assert raised.value.code == code


def test_against_another_api_the_comparison_with_all_is_left_out_with_its_reason(
    api: FakeApi, labels: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IMAGESEARCH_LOCAL_DIR", str(tmp_path))
    done = evaluate(api, labels, "--exact", "--json")
    assert done.exit_code == 0
    assert "exact" not in json.loads(done.stdout)
    assert "--exact is left out: only this machine's own environment" in done.stderr.replace("\n", " ")


def test_the_labels_of_the_gallery_name_its_pictures_and_no_others() -> None:
    pictures = {*demo.PHOTOGRAPHS, *(f"{name}.webp" for name in demo.RENDERS)}
    labels = read_labels(GALLERY)
    assert len(labels) >= 50
    for label in labels:
        assert label.relevant.keys() <= pictures
        assert label.picture is None or label.picture in pictures - label.relevant.keys()
