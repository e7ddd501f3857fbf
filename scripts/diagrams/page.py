"""Draws the diagrams of a document anew: ``python -m scripts.diagrams.page docs/architecture.md``."""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

import aws_cdk as cdk

from scripts.diagrams.assembly import Assembly
from scripts.diagrams.machine import draw_machine
from scripts.diagrams.stacks import draw_stacks
from scripts.diagrams.ways import VIEWS, draw_ways
from scripts.generated import replace_block
from scripts.repository import ROOT
from stacks.container_images import container_python
from stacks.model_lock import LockedModel, ModelLock
from stacks.settings import PROD
from stacks.stage import ImageSearchStage

SETTINGS = PROD
"""The environment that has all there is."""


def diagrams(assembly: Assembly) -> Mapping[str, str]:
    """Each diagram, by the name of its block."""
    return {
        "diagram-stacks": draw_stacks(assembly),
        **{f"diagram-{name}": draw_ways(assembly, stacks) for name, stacks in VIEWS.items()},
        "diagram-run": draw_machine(assembly),
    }


def synthesize(folder: Path) -> Assembly:
    """The environment, synthesized below ``folder``: without the functions' dependencies, with any model."""
    flags = json.loads((ROOT / "cdk.json").read_text("utf-8"))["context"]
    app = cdk.App(context={**flags, "aws:cdk:bundling-stacks": []}, outdir=str(folder))
    model = LockedModel(digest="0" * 64, fingerprint="0" * 64, dimension=1, python=container_python())
    lock = ModelLock(models=dict.fromkeys(SETTINGS.models, model))
    ImageSearchStage(app, SETTINGS.name, settings=SETTINGS, model_lock=lock)
    app.synth()
    return Assembly.read(folder / f"assembly-{SETTINGS.name}")


if __name__ == "__main__":
    with TemporaryDirectory() as directory:
        drawn = diagrams(synthesize(Path(directory)))
    for name, text in drawn.items():
        replace_block(Path(sys.argv[1]), name, text)
