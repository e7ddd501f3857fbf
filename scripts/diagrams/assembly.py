"""The synthesized templates of one environment, with every reference written out."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Resource:
    """A resource of a template. In its properties, a reference to another one is that one's `mark`."""

    stack: str
    logical_id: str
    type: str
    properties: Mapping[str, Any]

    @property
    def mark(self) -> str:
        """What stands for this resource where another one refers to it."""
        return _mark(self.stack, self.logical_id)


@dataclass(frozen=True, kw_only=True)
class Assembly:
    """Templates by stack (`Data`), in the order of deployment, and the stacks that each one needs."""

    templates: Mapping[str, Mapping[str, Any]]
    needs: Mapping[str, frozenset[str]]

    @classmethod
    def read(cls, folder: Path) -> "Assembly":
        """Return what was synthesized of one environment into `folder` (`…/assembly-prod`)."""
        found = json.loads((folder / "manifest.json").read_text("utf-8"))["artifacts"]
        stacks = {key: each for key, each in found.items() if each["type"] == "aws:cloudformation:stack"}
        names = {key: each["displayName"].rpartition("/")[2] for key, each in stacks.items()}
        return cls(
            templates={
                names[key]: json.loads((folder / each["properties"]["templateFile"]).read_text("utf-8"))
                for key, each in stacks.items()
            },
            needs={
                names[key]: frozenset(names[other] for other in each["dependencies"] if other in names)
                for key, each in stacks.items()
            },
        )

    def resources(self, *types: str) -> Iterator[Resource]:
        """Return the resources of these types, or all."""
        for stack, template in self.templates.items():
            for logical_id, resource in template["Resources"].items():
                if not types or resource["Type"] in types:
                    properties = self._written_out(stack, resource.get("Properties", {}))
                    yield Resource(
                        stack=stack, logical_id=logical_id, type=resource["Type"], properties=properties
                    )

    def _written_out(self, stack: str, value: Any) -> Any:
        match value:
            case {"Ref": str(name), **rest} | {"Fn::GetAtt": [str(name), str()], **rest} if not rest:
                # Without the colons of AWS::AccountId, an ARN can be taken apart at its own.
                return name.replace("::", "-") if name.startswith("AWS::") else _mark(stack, name)
            case {"Fn::GetStackOutput": {"StackName": str(other), "OutputName": str(output)}}:
                producer = other.partition("-")[2]
                return self._written_out(producer, self.templates[producer]["Outputs"][output]["Value"])
            case {"Fn::Join": [str(separator), list(parts)]}:
                return separator.join(str(self._written_out(stack, part)) for part in parts)
            case dict():
                return {key: self._written_out(stack, each) for key, each in value.items()}
            case list():
                return [self._written_out(stack, each) for each in value]
            case _:
                return value


def _mark(stack: str, logical_id: str) -> str:
    return f"<{stack}.{logical_id}>"
