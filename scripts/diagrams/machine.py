"""The states of a state machine, from its definition in Amazon's States Language."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from scripts.diagrams.assembly import Assembly
from scripts.diagrams.flowchart import Edge, Node, Shape, flowchart
from scripts.diagrams.parts import Parts, node

BEGIN = "Start"
_SHAPES: Mapping[str, Shape] = {"Choice": "choice", "Map": "nested", "Fail": "round", "Succeed": "round"}
_COMPARISONS = {"BooleanEquals": "is", "NumericGreaterThan": ">", "StringEquals": "is", "NumericEquals": "="}


def draw_machine(assembly: Assembly) -> str:
    """A flowchart of the environment's one state machine; dotted is where its errors lead."""
    parts = Parts.of(assembly)
    (machine,) = parts.of_type("AWS::StepFunctions::StateMachine")
    definition = json.loads(machine.properties["DefinitionString"])
    states = definition["States"]
    nodes = [Node(name=name, shape=_shape(each), detail=_work(each, parts)) for name, each in states.items()]
    edges = [Edge(source=BEGIN, target=definition["StartAt"])]
    edges += [edge for name, each in states.items() for edge in _edges(name, each)]
    return flowchart([Node(name=BEGIN, shape="round"), *nodes], edges, direction="TD")


def _shape(state: Mapping[str, Any]) -> Shape:
    return _SHAPES.get(state["Type"], "box")


def _work(state: Mapping[str, Any], parts: Parts) -> str:
    """What does a state's work: a function, a service, or for a map what is done for each item."""
    match state:
        case {"Type": "Map", "ItemProcessor": {"States": inner}}:
            works = ", ".join(_work(each, parts) for each in inner.values())
            return f"{works}, {state['MaxConcurrency']} at once"
        case {"Type": "Task", "Resource": resource}:
            functions = [node(part).name for part in parts.in_text(resource)]
            return ", ".join(functions) or resource.rpartition(":::")[2]
    return ""


def _edges(name: str, state: Mapping[str, Any]) -> Iterator[Edge]:
    for choice in state.get("Choices", ()):
        yield Edge(source=name, target=choice["Next"], label=_condition(choice))
    if "Default" in state:
        yield Edge(source=name, target=state["Default"], label="otherwise")
    if "Next" in state:
        yield Edge(source=name, target=state["Next"])
    for caught in state.get("Catch", ()):
        yield Edge(source=name, target=caught["Next"], label=_errors(caught), dotted=True)


def _condition(choice: Mapping[str, Any]) -> str:
    variable = choice["Variable"].removeprefix("$.")
    (comparison,) = set(choice) - {"Variable", "Next"}
    value = json.dumps(choice[comparison])
    return f"{variable} {_COMPARISONS.get(comparison, comparison)} {value}"


def _errors(caught: Mapping[str, Any]) -> str:
    return "any error" if caught["ErrorEquals"] == ["States.ALL"] else ", ".join(caught["ErrorEquals"])
