"""Write `stacks/container_images.json`: where SageMaker's Hugging Face CPU image lies in every region.

The addresses come from the image catalogue of the SageMaker SDK. It is asked here and not when the app is
synthesized, because it brings more than a hundred packages. Run with the interpreter that has
`sagemaker-core`:

    .tools/container_images/bin/python scripts/container_images/generate.py [FILE]
"""

import json
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

TABLE = Path(__file__).resolve().parents[2] / "stacks" / "container_images.json"
# The newest CPU image of the catalogue; its Python decides which wheels the model artifact carries.
TRANSFORMERS, PYTORCH, PYTHON = "5.5.3", "pytorch2.6.0", "py312"
# Any CPU type gives the CPU image; the catalogue reads nothing else from it.
CPU_INSTANCE = "ml.c6i.xlarge"


def build_table(image_uris: Any) -> dict[str, Any]:
    """Return repository, tag, target Python, and account and registry host by region.

    `image_uris` is the module `sagemaker.core.image_uris`. The address of a region is
    `<registry>/<repository>:<tag>`. Raises ValueError if one region's image is named differently from the
    others'.
    """
    catalogue = image_uris.config_for_framework("huggingface")["inference"]["versions"]
    regions = sorted(catalogue[TRANSFORMERS][PYTORCH]["registries"])
    addresses = {region: _address(image_uris, region) for region in regions}
    images = {address.split("/", 1)[1] for address in addresses.values()}
    if len(images) != 1:
        raise ValueError(f"the regions name different images: {sorted(images)}")
    repository, tag = images.pop().split(":")
    return {
        "source": f"sagemaker-core {version('sagemaker-core')}",
        "repository": repository,
        "tag": tag,
        "python": f"{PYTHON[2]}.{PYTHON[3:]}",
        "regions": {region: _registry(address) for region, address in addresses.items()},
    }


def _address(image_uris: Any, region: str) -> str:
    address: str = image_uris.retrieve(
        "huggingface",
        region,
        version=TRANSFORMERS,
        base_framework_version=PYTORCH,
        py_version=PYTHON,
        instance_type=CPU_INSTANCE,
        image_scope="inference",
    )
    return address


def _registry(address: str) -> dict[str, str]:
    registry = address.split("/", 1)[0]
    return {"account": registry.split(".", 1)[0], "registry": registry}


def main(path: Path) -> None:
    """Write the table to `path` as JSON with sorted regions and a final newline."""
    # Imported here: the tests read this module's names without the SDK.
    from sagemaker.core import image_uris  # type: ignore[import-not-found]

    path.write_text(json.dumps(build_table(image_uris), indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else TABLE)
