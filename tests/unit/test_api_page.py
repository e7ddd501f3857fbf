"""The API's reference: current, complete, and every link in it leads to one of its headings."""

import re
from typing import Any

from imagesearch.entrypoints.openapi import document
from scripts.api_page import render_markdown
from tests.documented import ROOT

PAGE = render_markdown(document())


def test_the_page_in_docs_is_current() -> None:
    assert (ROOT / "docs" / "api.md").read_text("utf-8") == PAGE, "run: make docs"


def test_every_route_and_every_body_has_a_heading() -> None:
    api = document()
    routes = [f"## `{method.upper()} {path}`" for path, each in api["paths"].items() for method in each]
    bodies = [f"### {name}" for name in api["components"]["schemas"]]
    assert re.findall(r"^###? .*$", PAGE, re.MULTILINE) == [*routes, "## Bodies", *bodies, "## Errors"]


def test_every_code_that_a_route_names_is_explained() -> None:
    explained = set(re.findall(r"^\| `(\w+)` \| \d{3} \| \S", PAGE, re.MULTILINE))
    named = set(re.findall(r"`(\w+)`", " ".join(re.findall(r"^Errors: .*$", PAGE, re.MULTILINE))))
    assert named == explained
    assert {"use_upload", "throttled", "search_unavailable"} <= named


def test_every_link_within_the_page_leads_to_a_heading() -> None:
    headings = re.findall(r"^###? (.*)$", PAGE, re.MULTILINE)
    anchors = {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
    links = set(re.findall(r"\]\(#([^)]+)\)", PAGE))
    assert links
    assert links <= anchors


def test_types_are_told_with_their_bounds() -> None:
    fields: dict[str, Any] = {
        "few": {
            "type": "array",
            "items": {"$ref": "#/components/schemas/Body"},
            "minItems": 1,
            "maxItems": 3,
        },
        "any": {"anyOf": [{"type": "string"}, {"type": "number", "exclusiveMinimum": 0}]},
        "map": {"type": "object", "additionalProperties": {"type": "integer", "minimum": 0}},
        "kind": {"enum": ["a", 1], "default": "a", "description": "Of one\n  or another."},
    }
    body = {"properties": fields, "required": ["few"]}
    told = render_markdown({"paths": {}, "components": {"schemas": {"Body": body}}})
    assert "| **`few`** | list of [Body](#body), 1 to 3 items |  |" in told
    assert "| `any` | string or number, > 0 |  |" in told
    assert "| `map` | object of integer, ≥ 0 |  |" in told
    assert '| `kind` | `"a"`, `1` | Of one or another. `"a"` where it is missing. |' in told
