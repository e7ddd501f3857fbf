"""The command `search` before the genuine query function: what it asks, and what it shows."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from imagesearch.models import document_id
from imagesearch_client import ApiError, ApiKey
from scripts.cli import app
from scripts.errors import CommandError
from scripts.target import Target
from tests.client_api import URL, House
from tests.documents import checked

RED, BLUE, GREEN = (b"\xff\xd8\xff" + name for name in (b"red", b"blue", b"green"))

Search = Callable[..., Result]


@pytest.fixture
def house() -> House:
    house = House()
    house.put("a/red.jpg", RED, title="A [red] <cup>", tags=["warm"], attributes={"price": 2.5})
    house.put("a/blue.jpg", BLUE, tags=["cold", "sea, deep"], attributes={"price": 10, "favourite": True})
    house.put("b/green.jpg", GREEN, caption="a green leaf", attributes={"taken": "2026-03-01"})
    return house


@pytest.fixture
def search(house: House, monkeypatch: pytest.MonkeyPatch) -> Search:
    """Runs the command with these arguments; what ends it is raised."""
    monkeypatch.setattr(
        "scripts.search.cli.find_target", lambda url, api_key: Target(url=URL, credentials=ApiKey("secret"))
    )
    monkeypatch.setattr("scripts.search.cli.client_of", lambda target: house.client())
    monkeypatch.setenv("COLUMNS", "200")

    def run(*arguments: str) -> Result:
        done = CliRunner().invoke(app, ["search", *arguments])
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        return done

    return run


def keys(done: Result) -> list[str]:
    return [hit["key"] for hit in json.loads(done.stdout)["hits"]]


def test_the_nearest_pictures_are_a_table_with_what_is_said_of_them(search: Search) -> None:
    done = search("a cup", "--like", "tea^2", "--unlike", "a leaf")

    assert done.exit_code == 0
    assert "a cup + tea^2, unlike a leaf" in done.stdout
    assert "A [red] <cup>" in done.stdout
    assert "total" in done.stdout


def test_examples_of_every_kind_are_named_on_one_line(search: Search, house: House, tmp_path: Path) -> None:
    (tmp_path / "blue.jpg").write_bytes(BLUE)
    (tmp_path / "odd^2").write_bytes(RED)

    search(
        "a cup",
        *("--image", f"{tmp_path / 'blue.jpg'}^0.5"),
        *("--image", str(tmp_path / "odd^2")),
        *("--like", "16:9^x", "--like", "tea^2"),
        *("--unlike", "a leaf"),
        *("--unlike-image", "key:b/green.jpg^3"),
    )

    (body,) = house.bodies()
    assert body["text"] == "a cup"
    told = [(each.get("text"), each.get("weight")) for each in body["like"]]
    assert told == [("16:9^x", None), ("tea", 2), (None, 0.5), (None, None)]
    leaf = {"image": {"id": document_id("b/green.jpg")}, "weight": 3}
    assert body["unlike"] == [{"text": "a leaf"}, leaf]


def test_a_picture_on_the_web_goes_to_the_api_as_its_address(search: Search, house: House) -> None:
    with pytest.raises(ApiError, match="does not fetch"):
        search("--image", "https://example.com/a.jpg")

    assert house.bodies() == [{"like": [{"image": {"url": "https://example.com/a.jpg"}}], "part": "picture"}]


@pytest.mark.parametrize("named", ["a/red.jpg", document_id("a/red.jpg")])
def test_what_resembles_a_picture_leaves_that_one_out(search: Search, named: str) -> None:
    assert sorted(keys(search("--similar-to", named, "--json"))) == ["a/blue.jpg", "b/green.jpg"]


def test_a_picture_to_resemble_that_nobody_knows_is_told(search: Search) -> None:
    with pytest.raises(CommandError, match=r"no picture none\.jpg"):
        search("--similar-to", "none.jpg")


@pytest.mark.parametrize(
    ("conditions", "found"),
    [
        (["price>=10"], ["a/blue.jpg"]),
        (["price > 2", "price<10"], ["a/red.jpg"]),
        (["tags=warm,sea"], ["a/red.jpg"]),
        (['tags="sea, deep",x'], ["a/blue.jpg"]),
        (["!tags=warm"], ["a/blue.jpg", "b/green.jpg"]),
        (["title?"], ["a/red.jpg"]),
        (["!price?"], ["b/green.jpg"]),
        (["key^=a/"], ["a/blue.jpg", "a/red.jpg"]),
        (["taken>2026-02-28"], ["b/green.jpg"]),
        (["attributes.favourite=true"], ["a/blue.jpg"]),
    ],
)
def test_conditions_are_read_by_the_types_of_their_fields(
    search: Search, conditions: list[str], found: list[str]
) -> None:
    arguments = [argument for each in conditions for argument in ("--filter", each)]

    assert sorted(keys(search("x", *arguments, "--json"))) == found


def test_a_filter_in_json_holds_besides_the_conditions(search: Search) -> None:
    either = {"any": [{"field": "tags", "in": ["warm"]}, {"field": "tags", "in": ["cold"]}]}

    done = search("x", "--filter-json", json.dumps(either), "--filter", "!title?", "--json")

    assert keys(done) == ["a/blue.jpg"]


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--filter", "colour=red"], "no field 'colour'; there are caption, category"),
        (["--filter", "tags"], "no condition: write NAME=VALUE"),
        (["--filter", "tags!=red"], "no condition: write NAME=VALUE"),
        (["--filter", "title?x"], "no condition: write NAME=VALUE"),
        (["--filter", 'tags="a" b'], "no list of values"),
        (["--filter-json", "{"], "is no JSON"),
        (["--filter-json", '{"field": "price", "gt": NaN}'], "is no JSON"),
        (["--filter-json", "[]"], "no JSON object"),
        (["--facets", "tags,colour"], "no field 'colour'"),
    ],
)
def test_a_condition_that_is_none_is_refused_before_anything_is_searched(
    search: Search, house: House, arguments: list[str], complaint: str
) -> None:
    with pytest.raises(CommandError, match=complaint) as raised:
        search("x", *arguments)

    assert raised.value.code == "filter_invalid"
    assert house.bodies() == []


@pytest.mark.parametrize("condition", ["price>=cheap", "price=nan", "favourite=perhaps", "taken<soon"])
def test_a_value_that_the_field_does_not_take_is_refused_with_the_apis_sentence(
    search: Search, condition: str
) -> None:
    with pytest.raises(ApiError, match="takes") as raised:
        search("x", "--filter", condition)

    assert raised.value.code == "filter_invalid"


def test_the_fields_are_asked_for_only_where_something_names_one(search: Search, house: House) -> None:
    search("x")

    assert house.asked == [("POST", "/search")]


def test_facets_and_what_found_a_picture_are_shown_when_asked_for(search: Search) -> None:
    done = search("green leaf", "--hybrid", "--part", "any", "--facets", "tags,price", "--explain")

    assert "words" in done.stdout
    assert "found by" in done.stdout
    assert "tags: cold (1) · sea, deep (1) · warm (1)" in done.stdout
    assert "attributes.price: 2.5 (1) · 10 (1)" in done.stdout


def test_near_duplicates_stand_below_the_picture_they_resemble(search: Search, house: House) -> None:
    for name in ("one", "two"):
        house.put(f"again/{name}.jpg", RED)

    done = search("--image", "key:a/red.jpg", "--collapse", "--cutoff", "auto")

    assert done.stdout.count("≈") == 2
    assert "scores from 0.750" in done.stdout


def test_all_pages_and_so_many_hits_are_one_answer(search: Search, house: House) -> None:
    for number in range(130):
        house.put(f"many/{number}.jpg", RED + bytes([number]))

    everything = json.loads(search("x", "--all", "--json").stdout)
    some = json.loads(search("x", "--limit", "120", "--json").stdout)
    rest = json.loads(search("x", "--cursor", some["cursor"], "-k", "100", "--json").stdout)

    assert len(everything["hits"]) == 133
    assert "cursor" not in everything
    assert [hit["key"] for hit in some["hits"] + rest["hits"]] == [hit["key"] for hit in everything["hits"]]
    assert "more with --limit N or --all" in search("x").stdout


def test_an_answer_in_json_holds_vectors_where_they_are_asked_for(search: Search) -> None:
    plain, whole = (json.loads(search("x", "--json", *more).stdout) for more in ([], ["--embedding"]))

    assert "embedding" not in plain["hits"][0]
    assert len(whole["hits"][0]["embedding"]) == 32


@pytest.mark.parametrize(
    "arguments", [["--all", "--limit", "3"], ["--embed-pictures"], ["--all", "--cursor", "x", "--limit", "1"]]
)
def test_options_that_contradict_each_other_are_refused(search: Search, arguments: list[str]) -> None:
    with pytest.raises(CommandError) as raised:
        search("x", *arguments)

    assert raised.value.code == "options_conflict"


def test_a_contact_sheet_shows_every_hit_and_what_was_asked(search: Search, tmp_path: Path) -> None:
    file = tmp_path / "sheet.html"

    done = search(
        "<b>a cup</b>", "--unlike", "a leaf", "--filter", "price>=1", "--facets", "tags", "--html", str(file)
    )

    assert f"Contact sheet: {file}" in done.stderr
    sheet = checked(file.read_text("utf-8"))
    assert sheet.title == "<b>a cup</b>, unlike a leaf"
    assert [source.split("?")[0] for source in sorted(sheet.images)] == sorted(
        f"{URL}/thumbnails/{document_id(key)}" for key in ("a/blue.jpg", "a/red.jpg")
    )
    for told in (
        "<b>a cup</b>",
        "price>=1",
        "A [red] <cup>",
        "a/blue.jpg",
        "cold (1) · sea, deep (1) · warm (1)",
    ):
        assert told in sheet.text


def test_a_contact_sheet_can_keep_the_pictures_in_itself(
    search: Search, house: House, tmp_path: Path
) -> None:
    file = tmp_path / "sheet.html"
    house.without_thumbnail = "a/red.jpg"

    done = search("x", "--html", str(file), "--embed-pictures", "--json")

    sheet = checked(file.read_text("utf-8"))
    assert [source.split(",")[0] for source in sheet.images] == ["data:image/webp;base64"] * 2
    assert "not available" in sheet.text
    assert "Pictures that are not in the page: 1 (It was deleted.)" in done.stderr
    assert len(keys(done)) == 3


def test_a_sheet_without_hits_says_so_and_one_that_cannot_be_written_too(
    search: Search, tmp_path: Path
) -> None:
    search("x", "--prefix", "none/", "--html", str(tmp_path / "sheet.html"))
    with pytest.raises(CommandError, match="cannot be written"):
        search("x", "--html", str(tmp_path / "missing" / "sheet.html"))

    assert "Nothing was found." in checked((tmp_path / "sheet.html").read_text("utf-8")).text
