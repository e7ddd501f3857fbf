"""The app, synthesized as a process of its own, without network and in a misleading environment."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stacks.model_lock import LockedModel, ModelLock
from stacks.settings import ENVIRONMENTS, ON_REQUEST

ROOT = Path(__file__).resolve().parents[2]
PUBLISHED = LockedModel(digest="d1" * 32, fingerprint="f1" * 32, dimension=512, python="3.12")
# Values that a synth which looks at its environment would follow, and that no template may hold.
MISLEADING = {
    "AWS_REGION": "ap-misleading-1",
    "AWS_DEFAULT_REGION": "ap-misleading-1",
    "AWS_ACCESS_KEY_ID": "misleading-key",
    "AWS_SECRET_ACCESS_KEY": "misleading-secret",
    "AWS_PROFILE": "misleading-profile",
    "AWS_ENDPOINT_URL": "http://127.0.0.1:9/misleading",
    "CDK_DEFAULT_ACCOUNT": "999999999999",
    "CDK_DEFAULT_REGION": "ap-misleading-1",
    "GIT_DIR": "/misleading",
    "USER": "misleading-user",
    "HTTP_PROXY": "http://127.0.0.1:9",
    "HTTPS_PROXY": "http://127.0.0.1:9",
}


@dataclass(frozen=True)
class Synthesized:
    """Templates by environment and stack (`["dev"]["Data"]`), and the folder that holds the assembly."""

    templates: Mapping[str, Mapping[str, dict[str, Any]]]
    folder: Path

    def all(self) -> list[tuple[str, str, dict[str, Any]]]:
        """Return environment, stack and template of every template."""
        return [(env, stack, t) for env, stacks in self.templates.items() for stack, t in stacks.items()]

    def files(self) -> list[Path]:
        """Return the templates' files."""
        return _template_files(self.folder, self.templates)


def flags() -> dict[str, Any]:
    """Return cdk.json's context, which the CDK's command line gives every app."""
    found: dict[str, Any] = json.loads((ROOT / "cdk.json").read_text(encoding="utf-8"))["context"]
    return found


def context(folder: Path, **more: Any) -> dict[str, Any]:
    """Return cdk.json's context with a lock in which every model is published, and no bundling."""
    lock = ModelLock()
    settings = (*ENVIRONMENTS.values(), *ON_REQUEST.values())
    for name in {name for each in settings for name in each.models}:
        lock = lock.with_model(name, PUBLISHED)
    lock.save(folder / "model.lock")
    return {**flags(), "model_lock": str(folder / "model.lock"), "aws:cdk:bundling-stacks": [], **more}


def read_templates(folder: Path, stages: Iterable[str] = ENVIRONMENTS) -> Synthesized:
    """Return the assembly in `folder`, as far as it is of these `stages`."""
    templates: dict[str, dict[str, dict[str, Any]]] = {}
    for file in _template_files(folder, stages):
        env = file.parent.name.removeprefix("assembly-")
        stack = file.name.removeprefix(env)[: -len("12345678.template.json")]
        templates.setdefault(env, {})[stack] = json.loads(file.read_text(encoding="utf-8"))
    return Synthesized(templates=templates, folder=folder)


def _template_files(folder: Path, stages: Iterable[str]) -> list[Path]:
    """Return the files of the stages' templates: a pipeline has others, where the settings make one."""
    found = (folder.glob(f"assembly-{stage}/*.template.json") for stage in stages)
    return sorted(file for files in found for file in files)


def synthesize(folder: Path, *, requested: str | None = None) -> Synthesized:
    """Run the app with its templates below `folder`, without bundling, and return them.

    `requested` is an environment that is built on request, in place of the others.
    """
    assembly = folder / "out"
    more = {} if requested is None else {"environment": requested}
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "CDK_OUTDIR": str(assembly),
        "CDK_CONTEXT_JSON": json.dumps(context(folder, **more)),
        **MISLEADING,
    }
    command = [*_without_network(), sys.executable, "app.py"]
    run = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert run.returncode == 0, f"{run.stdout}\n{run.stderr}"
    return read_templates(assembly, ENVIRONMENTS if requested is None else [requested])


def _without_network() -> list[str]:
    # Where namespaces are not allowed, the misleading proxies are what is left.
    prefix = ["unshare", "--net", "--map-root-user"]
    allowed = shutil.which("unshare") and subprocess.run([*prefix, "true"], check=False, capture_output=True)
    return prefix if allowed and allowed.returncode == 0 else []


def resources(template: Mapping[str, Any], resource_type: str) -> list[dict[str, Any]]:
    """Return the resources of a type in `template`."""
    return [r for r in template["Resources"].values() if r["Type"] == resource_type]


def flat(value: Any, *, reference: str = "reference") -> str:
    """Return a template's value as text, with `reference` for what CloudFormation would fill in."""
    match value:
        case str():
            return value
        case {"Fn::Join": [separator, parts]}:
            return str(separator).join(flat(part, reference=reference) for part in parts)
        case dict():
            return reference
    return str(value)


def listed(value: Any) -> list[Any]:
    """Return `value` as a list: a policy writes a single entry without one."""
    return value if isinstance(value, list) else [value]
