"""Flowcharts in Mermaid, which GitHub draws."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

Shape = Literal["box", "round", "store", "queue", "choice", "nested", "event"]
_SHAPES: Mapping[Shape, tuple[str, str]] = {
    "box": ("[", "]"),
    "round": ("([", "])"),
    "store": ("[(", ")]"),
    "queue": ("[/", "/]"),
    "choice": ("{", "}"),
    "nested": ("[[", "]]"),
    "event": (">", "]"),
}


@dataclass(frozen=True, kw_only=True)
class Node:
    """What is drawn once. Nodes of the same name are one."""

    name: str
    shape: Shape = "box"
    detail: str = ""
    """What stands below the name."""


@dataclass(frozen=True, kw_only=True)
class Edge:
    """An arrow between nodes, by their names."""

    source: str
    target: str
    label: str = ""
    dotted: bool = False


def flowchart(nodes: Iterable[Node], edges: Iterable[Edge], *, direction: Literal["LR", "TD"] = "LR") -> str:
    """A fenced flowchart: nodes in their order, one arrow for all edges of a kind between the same two."""
    lines = [f"flowchart {direction}"]
    lines += [f"    {_node(node)}" for node in {node.name: node for node in nodes}.values()]
    labels: dict[tuple[str, str, bool], set[str]] = {}
    for edge in edges:
        labels.setdefault((edge.source, edge.target, edge.dotted), set()).add(edge.label)
    lines += [f"    {_edge(*ends, sorted(filter(None, each)))}" for ends, each in labels.items()]
    return "\n".join(["```mermaid", *lines, "```"])


def _node(node: Node) -> str:
    opening, closing = _SHAPES[node.shape]
    detail = f"<br/><small>{_text(node.detail)}</small>" if node.detail else ""
    return f'{_identifier(node.name)}{opening}"{_text(node.name)}{detail}"{closing}'


def _edge(source: str, target: str, dotted: bool, labels: list[str]) -> str:
    ends = _identifier(source), _identifier(target)
    if not labels:
        return f"{ends[0]} {'-.->' if dotted else '-->'} {ends[1]}"
    label = _text(", ".join(labels))
    return f'{ends[0]} -. "{label}" .-> {ends[1]}' if dotted else f'{ends[0]} -- "{label}" --> {ends[1]}'


def _identifier(name: str) -> str:
    # With a letter before it, no name is a word of Mermaid's own, such as `end`.
    return "n_" + re.sub(r"\W+", "_", name).strip("_")


def _text(text: str) -> str:
    return text.replace('"', "#quot;").replace("<", "#lt;").replace(">", "#gt;")
