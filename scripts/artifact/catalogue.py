"""The model catalogue: every model that `package-model` can make an artifact of."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from clip_inference.config import ImageSettings, TextSettings
from scripts.errors import CommandError


@dataclass(frozen=True, kw_only=True)
class HubSource:
    """A ready ONNX export in a Hugging Face repository, in the layout that `hub.py` reads.

    `revision` is a full commit hash: the exports of one repository change their input format from time to
    time. Where no commit is known it is `main`, which is resolved when the model is packaged. `digests` gives
    the SHA-256 of files at that revision; they are compared after the download, so `main` may be pinned too.
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
    """One model.

    `dimension` is the length of its vectors. `languages` are those its text tower knows, as BCP 47 tags;
    `mul` stands for many. `megabytes` is the size of both towers in fp32, or as they are built.
    """

    name: str
    source: HubSource | BuiltSource
    licence: str
    dimension: int
    languages: tuple[str, ...]
    megabytes: int

    def __post_init__(self) -> None:
        if not self.languages or self.dimension < 1 or self.megabytes < 1:
            raise ValueError(f"{self.name}: languages, dimension and megabytes must be given")


# Commits and digests are those that public projects pin for the files they use. They were taken from there
# and not from the hub itself, so a wrong one shows as a failed comparison.
OPENAI_TOKENIZER = "6d9109cc838977f3ca94a379eec36aecc7c807e1785cd729660ca2fc0171fb35"

CLIP_VIT_B_32 = CatalogueEntry(
    name="clip-vit-b-32",
    source=HubSource(
        repository="immich-app/ViT-B-32__openai",
        # The head of `main` in March 2025; several projects pin commit and digests.
        revision="a857c8de2c07bbcfa6646adfcf31b798845afa1e",
        digests={
            "visual/model.onnx": "33a3df41ceef21acdf371af00f6dd0456ec1f9eba24d03a7720f9c3734e40859",
            "textual/model.onnx": "b80cf0af751533a6712d92247f0ddc0c95208748bc59a1a27f33e67be6864e3b",
            "textual/tokenizer.json": OPENAI_TOKENIZER,
        },
    ),
    licence="MIT (OpenAI CLIP)",
    dimension=512,
    languages=("en",),
    megabytes=606,
)

CLIP_VIT_L_14 = CatalogueEntry(
    name="clip-vit-l-14",
    source=HubSource(
        repository="immich-app/ViT-L-14__openai",
        # One project pins the commit and the digests of both towers; three more pin the same digests.
        revision="9b27c6b49d2ff4957fa0b5a25521eee12f109543",
        digests={
            "visual/model.onnx": "2b02d572f59c509f4b97b9c54a868453cca1a652cd5d60e1d51d0052f055cb8c",
            "textual/model.onnx": "9fbe72ea8d36c2effaccedcf7249e3729ad0d9b4af6604b433ecdd0105663c9c",
            "textual/tokenizer.json": OPENAI_TOKENIZER,
        },
    ),
    licence="MIT (OpenAI CLIP)",
    dimension=768,
    languages=("en",),
    megabytes=1711,
)

SIGLIP2_B_16 = CatalogueEntry(
    name="siglip2-b-16",
    source=HubSource(
        repository="immich-app/ViT-B-16-SigLIP2__webli",
        # No project names a commit; one pins these digests for `main`, and several that of the tokenizer.
        revision="main",
        digests={
            "visual/model.onnx": "fee10c729875dd203d94f396ac3d664e301d39c977ef6d92e7f467a2a716f0b0",
            "textual/model.onnx": "fc9991b415d7d0fac7ed540e875fd08a647c8a1abba99f12542531b004c4b68f",
            "textual/tokenizer.json": "220c63d496e0c14e63eb656c91e0215e926202e4c74b1f089e09f1920d779b04",
        },
    ),
    licence="Apache-2.0 (Google SigLIP 2)",
    dimension=768,
    languages=("mul",),
    megabytes=1501,
)

CLIP_XLM_R_B_32 = CatalogueEntry(
    name="clip-xlm-r-b-32",
    source=HubSource(
        repository="immich-app/XLM-Roberta-Base-ViT-B-32__laion5b_s13b_b90k",
        # One project names the commit; no digests are known.
        revision="111f6ddca817bb6cd8343c3e3dc5ce39d9ba54b0",
    ),
    licence="MIT (LAION)",
    dimension=512,
    languages=("mul",),
    megabytes=1465,
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
    megabytes=45,
)

# The same towers with shorter vectors, which make a smaller index.
DEMO_256 = replace(DEMO, name="demo-256", dimension=256)

CATALOGUE = {
    entry.name: entry
    for entry in (CLIP_VIT_B_32, SIGLIP2_B_16, CLIP_XLM_R_B_32, CLIP_VIT_L_14, DEMO, DEMO_256)
}


def find_entry(name: str) -> CatalogueEntry:
    """The entry called `name`; CommandError `model_unknown` lists the names there are."""
    try:
        return CATALOGUE[name]
    except KeyError:
        known = ", ".join(sorted(CATALOGUE))
        raise CommandError(
            "model_unknown", f"There is no model called {name!r}. Choose one of: {known}."
        ) from None
