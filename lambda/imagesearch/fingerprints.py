"""The rule that holds model and index together: a vector only meets vectors of the same model."""

from imagesearch.errors import ModelMismatchError
from imagesearch.models import Embedding, IndexInfo

SHORT = 12
"""How many digits of a fingerprint names of endpoints and indices carry."""


def refuse_other_model(index: IndexInfo, embedding: Embedding) -> None:
    """Raise ModelMismatchError unless the embedding was made by the model of the index."""
    if embedding.fingerprint == index.fingerprint and len(embedding.vector) == index.dimension:
        return
    raise ModelMismatchError(
        f"The index {index.name} holds vectors of the model {index.fingerprint[:SHORT]} "
        f"({index.dimension} numbers each), but the endpoint answered with the model "
        f"{embedding.fingerprint[:SHORT]} ({len(embedding.vector)} numbers). To migrate to another model: "
        "imagesearch migrate --model NAME. Until then, serve the index with the model it was built by."
    )
