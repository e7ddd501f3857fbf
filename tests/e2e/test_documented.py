"""What the README tells people to type on this machine, in its order, as it stands there."""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from string import Template

import httpx
import pytest

from imagesearch_client import ImageSearchClient
from scripts.gallery import gallery
from scripts.target import Target
from tests.documented import README, ROOT, python_in, requests_in, typed_in
from tests.e2e.command import Command
from tests.e2e.house import House
from tests.e2e.library import Library
from tests.pictures import jpeg
from tests.waiting import PATIENCE_SECONDS

OPERATIONS = ROOT / "docs" / "operations.md"
SECTIONS = (
    "Metadata and captions",
    "Searching",
    "A whole library at once",
    "Is the index what the bucket says?",
)
"""Those about an environment that is used: changing the model, backups and the rest have tests of their own.

Metadata come first, because a search by their filters says so.
"""
FILES = {
    "keys.txt": "table.jpg\n",
    "texts.csv": "picture,id,text\nholidays/a.jpg,,a day at the sea\n,slogan,everything must go\n",
}


def section(title: str) -> str:
    found = re.search(rf"^## {re.escape(title)}$(.*?)(?=^## )", README.read_text("utf-8"), re.M | re.S)
    assert found is not None, title
    return found[1]


@pytest.fixture(scope="module")
def desk(
    imagesearch: Command,
    deployment: Target,
    client: ImageSearchClient,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Command]:
    """Somebody in a folder with the demo's pictures and the README's files, after `make demo`."""
    folder = tmp_path_factory.mktemp("desk")
    command = replace(imagesearch, directory=folder)
    pictures = gallery(folder)
    for name, text in FILES.items():
        (folder / name).write_text(text, "utf-8")
    shop = re.search(r"\$ cat shop\.csv\n(.*?)^\$", section("Metadata and captions"), re.M | re.S)
    assert shop is not None
    (folder / "shop.csv").write_text(shop[1], "utf-8")
    command("ingest", ".", check=True)  # before there is a dog that is no picture of the library
    library = Library(client=client, s3=deployment.s3(), bucket=deployment.image_bucket(), prefix="")
    own = ("table.jpg", "holidays/a.jpg", "holidays/b.jpg", "a.jpg")
    (folder / "dog.jpg").write_bytes(jpeg(seed=9))
    for number, name in enumerate(own):
        library.put(name, jpeg(seed=number))
    library.wait_until_indexed(*own)
    yield command
    for name in (*own, "table.jpg.json", "holidays/a.jpg.json", *(picture.name for picture in pictures)):
        library.delete(name)
    for name in (*own, *(picture.name for picture in pictures)):
        library.wait_until_unknown(name)


@pytest.mark.parametrize("title", SECTIONS)
def test_what_the_readme_says_can_be_typed(desk: Command, title: str) -> None:
    lines = list(typed_in(section(title)))
    assert lines, title
    for words in lines:
        run = _last_run(desk) if "RUN" in words else ""
        desk(*(run if word == "RUN" else word for word in words[1:]), check=True)


@pytest.mark.parametrize("title", ["Searching", "Deploy to AWS"])
def test_requests_of_the_readme_are_answered(desk: Command, deployment: Target, title: str) -> None:
    requests = list(requests_in(section(title)))
    assert requests, title
    variables = {"IMAGESEARCH_URL": deployment.url.rstrip("/"), "IMAGESEARCH_API_KEY": deployment.api_key}
    assert desk.directory is not None
    for words in requests:
        answer = curl([Template(word).safe_substitute(variables) for word in words[1:]], desk.directory)
        assert answer.status_code == httpx.codes.OK, (words, answer.text)
        assert answer.json()["model"]


def test_the_python_of_the_readme_runs(
    desk: Command, deployment: Target, capsys: pytest.CaptureFixture[str]
) -> None:
    searching, *_ = python_in(section("Searching"))
    exec(searching, {"url": deployment.url, "api_key": deployment.api_key})  # noqa: S102 - our own page
    score, key, link = capsys.readouterr().out.splitlines()[0].split()
    assert 0 < float(score) <= 1
    assert link.startswith("http")
    assert key

    calling, *_ = python_in(section("Deploy to AWS"))
    exec(calling, dict.fromkeys(("url", "token_url", "client_id", "secret"), deployment.url))  # noqa: S102


def test_what_operations_asks_of_opensearch_is_answered(house: House) -> None:
    asked = re.findall(r"`(GET|PUT) (\S+)(?: (\{.*?\}))?`", OPERATIONS.read_text("utf-8"))
    assert len(asked) >= 4
    for method, path, body in asked:
        answer = httpx.request(
            method,
            f"{house.opensearch}/{path}",
            content=body or None,
            headers={"Content-Type": "application/json"},
            timeout=PATIENCE_SECONDS,
        )
        # Where every shard is where it belongs, there is nothing to be explained.
        healthy = path.endswith("/explain") and "unable to find any unassigned shards" in answer.text
        assert answer.is_success or healthy, (path, answer.text)
    switched_off = {"index.search.slowlog.threshold.query.info": "-1"}
    httpx.put(f"{house.opensearch}/images/_settings", json=switched_off).raise_for_status()


def curl(words: Sequence[str], directory: Path) -> httpx.Response:
    """What these options of curl would ask."""
    headers, url, body = dict[str, str](), "", None
    rest = iter(words)
    for word in rest:
        match word:
            case "-H":
                name, _, value = next(rest).partition(": ")
                headers[name] = value
            case "-d":
                body = next(rest).encode()
            case "--data-binary":
                body = (directory / next(rest).removeprefix("@")).read_bytes()
            case _:
                url = word
    return httpx.request("GET" if body is None else "POST", url, headers=headers, content=body, timeout=60)


def _last_run(desk: Command) -> str:
    runs = json.loads(desk("runs", "list", "--json", check=True).stdout)
    return str(runs[0]["run"])
