"""Writes docs/api.md, the reference for people, from the OpenAPI document: `python -m scripts.api_page`."""

import json
import re
import sys
from collections.abc import Iterator, Mapping
from typing import Any

from imagesearch.entrypoints.openapi import document

Json = Mapping[str, Any]

INTRODUCTION = """\
# The API

Every route, what it takes, what it answers, and every error: written by `make docs` from
[openapi.json](openapi.json), which a deployed API serves as `GET /openapi.json`, and which every answer is
tested against. Bold is what has to be there. The [README](../README.md#who-may-call) says who may call, and
has examples.
"""
_REFERENCE = "#/components/schemas/"
_CODE = re.compile(r"`(\w+)`: (.*?)(?= `\w+`: |$)", re.DOTALL)
_RANGES = {"minimum": "≥ {}", "exclusiveMinimum": "> {}", "maximum": "≤ {}", "exclusiveMaximum": "< {}"}
_LENGTHS = {"string": ("minLength", "maxLength", "characters"), "array": ("minItems", "maxItems", "items")}


def render_markdown(api: Json) -> str:
    """The whole page."""
    operations = [
        (method.upper(), path, operation)
        for path, methods in api["paths"].items()
        for method, operation in methods.items()
    ]
    parts = [INTRODUCTION, _overview(operations)]
    parts += [_operation(method, path, operation) for method, path, operation in operations]
    parts.append("## Bodies\n")
    parts += [_schema(name, schema) for name, schema in api["components"]["schemas"].items()]
    parts.append(_errors([operation for _, _, operation in operations]))
    return "\n".join(parts)


def _overview(operations: list[tuple[str, str, Json]]) -> str:
    rows = (
        f"| [`{method} {path}`](#{_anchor(f'{method} {path}')}) | {operation['summary']} |"
        for method, path, operation in operations
    )
    return "\n".join(["| Route | What it does |", "| --- | --- |", *rows, ""])


def _anchor(heading: str) -> str:
    """What GitHub calls a heading: lower case, spaces as hyphens, everything but words gone."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def _operation(method: str, path: str, operation: Json) -> str:
    lines = [f"## `{method} {path}`", "", operation["summary"], ""]
    if parameters := operation.get("parameters"):
        lines += ["| Parameter | In | Type | |", "| --- | --- | --- | --- |"]
        lines += [
            f"| {_name(each['name'], required=each['required'])} | {each['in']} | {_type(each['schema'])} | "
            f"{_told(each['schema'], each.get('description', ''))} |"
            for each in parameters
        ]
        lines.append("")
    if "requestBody" in operation:
        lines += _body(operation["requestBody"]["content"])
    answers = (
        _link(content["schema"]) if "schema" in content else f"`{kind}`"
        for kind, content in operation["responses"]["200"]["content"].items()
    )
    lines += [f"Answers {', '.join(answers)}.", ""]
    refusals = (
        f"{status} {', '.join(f'`{code}`' for code, _ in _codes(response))}"
        for status, response in operation["responses"].items()
        if status != "200"
    )
    return "\n".join([*lines, f"Errors: {'; '.join(refusals)}.", ""])


def _body(contents: Json) -> Iterator[str]:
    typed = {kind: content for kind, content in contents.items() if "schema" in content}
    raw = [f"`{kind}`" for kind in contents if kind not in typed]
    for kind, content in typed.items():
        yield f"Takes {_link(content['schema'])} as `{kind}`" + (
            f"; or a picture: {', '.join(raw)}." if raw else "."
        )
        yield ""
        yield "```json"
        yield from (json.dumps(each["value"], ensure_ascii=False) for each in content["examples"].values())
        yield "```"
        yield ""


def _schema(name: str, schema: Json) -> str:
    required = schema.get("required", ())
    rows = (
        f"| {_name(field, required=field in required)} | {_type(each)} | "
        f"{_told(each, each.get('description', ''))} |"
        for field, each in schema["properties"].items()
    )
    said = " ".join(schema.get("description", "").split())
    return "\n".join([f"### {name}", "", said, "", "| Field | Type | |", "| --- | --- | --- |", *rows, ""])


def _name(name: str, *, required: bool) -> str:
    return f"**`{name}`**" if required else f"`{name}`"


def _link(schema: Json) -> str:
    if "$ref" not in schema:
        return _type(schema)
    name = schema["$ref"].removeprefix(_REFERENCE)
    return f"[{name}](#{_anchor(name)})"


def _type(schema: Json) -> str:
    """What a value may be, in a few words."""
    if "$ref" in schema:
        return _link(schema)
    if "anyOf" in schema:
        return " or ".join(dict.fromkeys(_type(each) for each in schema["anyOf"]))
    if "const" in schema:
        return f"`{json.dumps(schema['const'])}`"
    if "enum" in schema:
        return ", ".join(f"`{json.dumps(each)}`" for each in schema["enum"])
    if "type" not in schema:
        return f"`{schema['pattern']}`"
    match schema["type"]:
        case "array":
            kind = f"list of {_type(schema['items'])}"
        case "object":
            values = schema.get("additionalProperties")
            kind = f"object of {_type(values)}" if isinstance(values, dict) else "object"
        case kind:
            pass
    return ", ".join([kind, *_bounds(schema)])


def _bounds(schema: Json) -> Iterator[str]:
    yield from (text.format(schema[bound]) for bound, text in _RANGES.items() if bound in schema)
    least, most, unit = _LENGTHS.get(schema["type"], ("", "", ""))
    if most in schema:
        yield f"{schema[least]} to {schema[most]} {unit}" if schema.get(least) else f"≤ {schema[most]} {unit}"


def _told(schema: Json, description: str) -> str:
    default = f"`{json.dumps(schema['default'])}` where it is missing." if "default" in schema else ""
    return " ".join(filter(None, [" ".join(description.split()), default])).replace("|", "\\|")


def _codes(response: Json) -> list[tuple[str, str]]:
    """Every code of an error's response, with its sentence."""
    return _CODE.findall(response["description"])


def _errors(operations: list[Json]) -> str:
    # What the first of the routes says of a code is meant.
    said = {
        (code, status): sentence
        for operation in reversed(operations)
        for status, response in operation["responses"].items()
        for code, sentence in (() if status == "200" else _codes(response))
    }
    rows = (f"| `{code}` | {status} | {said[code, status]} |" for code, status in sorted(said))
    head = "Every error is an [ErrorAnswer](#erroranswer); 429 and 503 carry `retry-after`, in seconds."
    return "\n".join(["## Errors", "", head, "", "| Code | Status | |", "| --- | --- | --- |", *rows, ""])


if __name__ == "__main__":
    sys.stdout.write(render_markdown(document()))
