"""The ways through an environment: its parts, and what the templates let each do with another."""

from collections.abc import Collection, Iterator, Mapping

from scripts.diagrams.assembly import Assembly
from scripts.diagrams.flowchart import Edge, Node, flowchart
from scripts.diagrams.grants import grants
from scripts.diagrams.parts import Parts, node
from scripts.diagrams.wires import schedules, wires

VIEWS: Mapping[str, Collection[str]] = {
    "picture": ("Model", "Ingest"),
    "library": ("Model", "Bulk"),
    "query": ("Model", "Api", "Web"),
    "upkeep": ("Data", "Migration", "Backup"),
}
"""The stacks whose grants and connections a diagram shows."""


def draw_ways(assembly: Assembly, stacks: Collection[str]) -> str:
    """A flowchart of what these stacks bring about, between parts of any stack."""
    parts = Parts.of(assembly)
    found = [each for each in (*wires(assembly, parts), *grants(assembly, parts)) if each.stack in stacks]
    started = [each for each in schedules(assembly, parts) if each.stack in stacks]
    clocks = [Node(name=each.when, shape="event") for each in started]
    edges = [Edge(source=each.when, target=node(each.target).name, label="starts") for each in started]
    edges += [
        Edge(source=node(each.source).name, target=node(each.target).name, label=each.label) for each in found
    ]
    seen = {name for edge in edges for name in (edge.source, edge.target)}
    drawn = [each for each in map(node, parts.all) if each.name in seen]
    return flowchart([*clocks, *drawn], edges)


def stacks_of_links(assembly: Assembly) -> Iterator[str]:
    """The stacks that bring about anything that is drawn."""
    parts = Parts.of(assembly)
    yield from (each.stack for each in (*wires(assembly, parts), *grants(assembly, parts)))
    yield from (each.stack for each in schedules(assembly, parts))
