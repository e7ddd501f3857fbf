"""Writes docs/models.md, the catalogue as a table: `python -m scripts.artifact.models_page`."""

from scripts.artifact.catalogue import CATALOGUE, BuiltSource, CatalogueEntry, HubSource
from scripts.artifact.hub import COMMIT

INTRODUCTION = """\
# Models

Every model that `imagesearch package-model --model NAME` makes an artifact of. This page is generated from
`scripts/artifact/catalogue.py` by `make docs`.

"""
REMARKS = """
How a picture is resized, cropped and normalised, how a text is tokenised, and how long it may be, is read
from each repository's own files. `Size` is that of both towers in fp32, or as they are built. `Held by` says
what a download is compared with: nothing but that commit is fetched, and a file with another SHA-256 than the
pinned one is refused. Commits and digests are those that public projects pin; here they were not fetched from
the hub.

`mul` stands for many languages: SigLIP 2 was trained on captions in about a hundred, and XLM-R knows a
hundred. A model from elsewhere in the same layout is packaged with `--from FOLDER`, another commit with
`--revision`. Packaging takes about six times the size of the larger tower in memory.

Towers run on ONNX Runtime, or with `--runtime openvino` on OpenVINO. `--precision fp16` stores the weights in
half the space; `int8` (ONNX Runtime only) computes in integers; `bf16` (OpenVINO only) computes in short
floating-point numbers where the endpoint's processor can, and else as fp16 does. Each form but fp32 on ONNX
Runtime is packaged only if it finds what that one finds: of the ten nearest among the pictures in
`--pictures FOLDER` at least 99 %, asked by text and by picture. `model.json` keeps the figures.
"""
HEAD = ("Model", "Vectors", "Languages", "Licence", "Size", "Source", "Held by")


def render_markdown() -> str:
    """The whole page."""
    rows = [HEAD, ("---",) * len(HEAD), *map(_row, CATALOGUE.values())]
    return INTRODUCTION + "".join(f"| {' | '.join(row)} |\n" for row in rows) + REMARKS


def _row(entry: CatalogueEntry) -> tuple[str, ...]:
    match entry.source:
        case HubSource() as hub:
            source, held_by = f"`{hub.repository}`", _held_by(hub)
        case BuiltSource() as built:
            source, held_by = f"built here: {built.description}", "the requirements' hashes"
    return (
        f"`{entry.name}`",
        str(entry.dimension),
        ", ".join(entry.languages),
        entry.licence,
        f"{entry.megabytes} MB",
        source,
        held_by,
    )


def _held_by(hub: HubSource) -> str:
    is_commit = COMMIT.fullmatch(hub.revision) is not None
    pins = ["a commit"] * is_commit + ["SHA-256"] * bool(hub.digests)
    return " and ".join(pins)


if __name__ == "__main__":
    print(render_markdown(), end="")  # noqa: T201
