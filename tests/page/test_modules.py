"""The page's modules that need no browser: the address of a query, its request, and the rows of the grid."""

import json
import subprocess
from typing import Any

import pytest

from scripts.repository import ROOT, search_path
from tests.page.acting import WEB

ID = "0123456789abcdef" * 2
FULL = (
    f"?q=a+red+bus&like=id%3A{ID}%7E2&unlike=upload%3A{ID}&in.tags=a&in.tags=b%26c&from.attributes.price=1.5"
    "&to.attributes.taken=2026-02-28&is.attributes.favourite=false&prefix=album%2F&cut=0.61&sort=newest"
    "&part=any&hybrid=1&collapse=1"
)


def run(module: str, expression: str, *given: Any) -> Any:
    """What an expression gives, with a module's exports as `m` and what is given as `a`."""
    program = (
        f"const m = await import({json.dumps((WEB / module).as_uri())});"
        f"const a = {json.dumps(given)};"
        f"console.log(JSON.stringify({expression}));"
    )
    done = subprocess.run(
        ["node", "--no-warnings", "--input-type=module", "-e", program],
        cwd=ROOT,
        env={"PATH": search_path()},
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)


def test_a_query_comes_back_from_its_address_as_it_was() -> None:
    assert run("query.js", "m.writeQuery(m.readQuery(a[0]))", FULL) == FULL


def test_a_query_is_the_apis_request() -> None:
    asked = run("query.js", "m.requestOf(m.readQuery(a[0]), {k: 50, facets: ['tags'], cursor: null})", FULL)
    assert asked == {
        "k": 50,
        "explain": True,
        "part": "any",
        "text": "a red bus",
        "like": [{"image": {"id": ID}, "weight": 2}],
        "unlike": [{"image": {"upload": ID}, "weight": 1}],
        "filter": {
            "all": [
                {"field": "tags", "in": ["a", "b&c"]},
                {"field": "attributes.price", "gte": 1.5},
                {"field": "attributes.taken", "lt": "2026-03-01"},
                {"not": {"field": "attributes.favourite", "in": [True]}},
                {"field": "key", "prefix": "album/"},
            ]
        },
        "min_score": 0.61,
        "collapse": True,
        "hybrid": True,
        "facets": ["tags"],
    }


def test_a_next_page_counts_no_facets_again() -> None:
    asked = run(
        "query.js", "m.requestOf(m.readQuery('?q=a&cut=auto'), {k: 50, facets: ['tags'], cursor: 'c'})"
    )
    assert asked == {
        "k": 50,
        "explain": True,
        "part": "picture",
        "text": "a",
        "cutoff": "auto",
        "cursor": "c",
    }


@pytest.mark.parametrize(
    "address",
    [
        "?like=id:no-id&unlike=url:x&cut=2&sort=colour&part=none&from.width=wide&view=",
        f"?like=id:{ID}~0&cut=-1",
        "?code=1&state=2&utm_source=x",
    ],
)
def test_what_an_address_cannot_mean_is_left_out(address: str) -> None:
    kept = run("query.js", "m.writeQuery(m.readQuery(a[0]))", address)
    assert kept in ("", f"?like=id%3A{ID}")


def test_the_address_of_nothing_is_empty() -> None:
    assert run("query.js", "[m.writeQuery(m.queryOf()), m.isEmpty(m.queryOf({text: '  '}))]") == ["", True]


SHAPES = [4 / 3, 3 / 4, 3.5, 1, 0.4, 1.5, 16 / 9, 2 / 3, 1, 1.2] * 5


@pytest.mark.parametrize("width", [288, 371, 960, 1901])
def test_full_rows_are_exactly_as_wide_as_the_page(width: int) -> None:
    frame = {"width": width, "height": 180, "gap": 6, "whole": False}
    places = run("layout.js", "m.layOut(a[0], a[1])", SHAPES, frame)
    rows: dict[int, list[dict[str, Any]]] = {}
    for place in places:
        rows.setdefault(place["row"], []).append(place)
    assert len(rows) > 1
    for row in rows.values():
        assert sum(place["width"] for place in row) + 6 * (len(row) - 1) == width
        assert len({place["height"] for place in row}) == 1
        assert row[0]["height"] <= 180
    for shape, place in zip(SHAPES, places, strict=False):
        assert abs(place["width"] - shape * place["height"]) < 0.05 * place["width"] + len(SHAPES)


def test_what_is_drawn_stays_where_it_is_when_more_comes() -> None:
    frame = {"width": 960, "height": 180, "gap": 6, "whole": False}
    first = run("layout.js", "m.layOut(a[0], a[1])", SHAPES[:22], frame)
    both = run("layout.js", "m.layOut(a[0], a[1])", SHAPES, frame)
    whole = run("layout.js", "m.layOut(a[0], a[1])", SHAPES, {**frame, "whole": True})
    assert 0 < len(first) < 22
    assert both[: len(first)] == first
    assert len(whole) == len(SHAPES)
    assert whole[: len(both)] == both


_LEFT_WHILE_THE_ANSWER_COMES = """await (async () => {
  const { createServer } = await import("node:http");
  const server = createServer((_, answer) => answer.write('{"hits": ['));
  await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
  globalThis.location = { href: `http://127.0.0.1:${server.address().port}/` };
  const ends = new AbortController();
  const genuine = fetch;
  globalThis.fetch = async (...given) => {
    const answer = await genuine(...given);
    setTimeout(() => ends.abort()); // once its body is being read
    return answer;
  };
  const api = new m.Api("/api", { headers: async () => ({}) });
  const asked = api.ask("POST", "search", { body: {}, signal: ends.signal });
  const ended = await asked.catch((error) => error.name);
  server.closeAllConnections();
  server.close();
  return ended;
})()"""


def test_an_answer_that_nobody_waits_for_any_more_is_no_failure() -> None:
    assert run("api.js", _LEFT_WHILE_THE_ANSWER_COMES) == "AbortError"
