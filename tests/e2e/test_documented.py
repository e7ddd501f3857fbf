"""What the README tells people to type on this machine, in its order, as it stands there."""

import json
import re
from collections.abc import Iterator
from dataclasses import replace

import pytest

from imagesearch_client import ImageSearchClient
from scripts.gallery import gallery
from scripts.target import Target
from tests.documented import README, typed_in
from tests.e2e.command import Command
from tests.e2e.library import Library
from tests.pictures import jpeg

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
    command("ingest", ".", check=True)
    library = Library(client=client, s3=deployment.s3(), bucket=deployment.image_bucket(), prefix="")
    own = ("table.jpg", "holidays/a.jpg", "holidays/b.jpg")
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


def _last_run(desk: Command) -> str:
    runs = json.loads(desk("runs", "list", "--json", check=True).stdout)
    return str(runs[0]["run"])
