"""The model catalogue: every model that `package-model` can make an artifact of."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from clip_inference.config import ImageSettings, TextSettings
from scripts.errors import CommandError


@dataclass(frozen=True, kw_only=True)
class HubSource:
    """A ready ONNX export in a Hugging Face repository, in the layout that `hub.py` reads.

    `revision` is a full commit hash: the exports of one repository change their input format from time to
    time. `digests` gives the SHA-256 of files at that revision; they are compared after the download.
    """

    repository: str
    revision: str
    digests: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class BuiltSource:
    """Towers that `scripts/demo_model` builds here from weights that pip brings, and their settings."""

    description: str
    image: ImageSettings
    text: TextSettings


@dataclass(frozen=True, kw_only=True)
class CatalogueEntry:
    """One model. `dimension` is the length of its vectors; `languages` are those its text tower knows."""

    name: str
    source: HubSource | BuiltSource
    licence: str
    dimension: int
    languages: tuple[str, ...]


CLIP_VIT_B_32 = CatalogueEntry(
    name="clip-vit-b-32",
    source=HubSource(
        repository="immich-app/ViT-B-32__openai",
        # The head of `main` in March 2025. Commit and digests are those that several public projects pin;
        # they were taken from there and not from the hub itself, so a wrong one shows as a failed comparison.
        revision="a857c8de2c07bbcfa6646adfcf31b798845afa1e",
        digests={
            "visual/model.onnx": "33a3df41ceef21acdf371af00f6dd0456ec1f9eba24d03a7720f9c3734e40859",
            "textual/model.onnx": "b80cf0af751533a6712d92247f0ddc0c95208748bc59a1a27f33e67be6864e3b",
            "textual/tokenizer.json": "6d9109cc838977f3ca94a379eec36aecc7c807e1785cd729660ca2fc0171fb35",
        },
    ),
    licence="MIT (OpenAI CLIP)",
    dimension=512,
    languages=("en",),
)

DEMO = CatalogueEntry(
    name="demo",
    source=BuiltSource(
        description="EfficientNet-Lite0 and all-MiniLM-L6-v2, with heads trained by scripts/demo_model",
        image=ImageSettings(
            size=224,
            # EfficientNet-Lite computes (x - 127) / 128 on 0..255; these are of pixels scaled to 0..1.
            mean=(127 / 255, 127 / 255, 127 / 255),
            std=(128 / 255, 128 / 255, 128 / 255),
            resize="shortest",
            interpolation="bicubic",
            input="image",
        ),
        text=TextSettings(
            context_length=128,
            padding="longest",
            pad_id=0,
            ids_input="input_ids",
            mask_input="attention_mask",
            dtype="int64",
            canonicalize=False,
        ),
    ),
    licence="Apache-2.0",
    dimension=384,
    languages=("en",),
)

# The same towers with shorter vectors, which make a smaller index.
DEMO_256 = replace(DEMO, name="demo-256", dimension=256)

CATALOGUE = {entry.name: entry for entry in (CLIP_VIT_B_32, DEMO, DEMO_256)}


def find_entry(name: str) -> CatalogueEntry:
    """The entry called `name`; CommandError `model_unknown` lists the names there are."""
    try:
        return CATALOGUE[name]
    except KeyError:
        known = ", ".join(sorted(CATALOGUE))
        raise CommandError(
            "model_unknown", f"There is no model called {name!r}. Choose one of: {known}."
        ) from None
