"""Which indices the running environment searches and writes, as its OpenSearch says."""

from typing import Any

import httpx

from scripts.errors import CommandError
from scripts.migration.status import IndexInUse

ALIAS = "images"
"""As in ``stacks.names``, whose import starts the CDK's Node process."""
SECONDS = 10.0
"""How long OpenSearch may take to answer from its cluster's state."""


def indices_in_use(opensearch_url: str, *, alias: str = ALIAS) -> list[IndexInUse]:
    """The index that searches are answered from, then the others that pictures are written to; often one.

    Raises CommandError (``opensearch_failed``) when OpenSearch does not say.
    """
    both = (*_indices(opensearch_url, alias), *_indices(opensearch_url, f"{alias}_written"))
    return list(dict.fromkeys(both))


def _indices(opensearch_url: str, alias: str) -> list[IndexInUse]:
    """The indices that an alias leads to; none where there is no such alias."""
    try:
        answer = httpx.get(
            f"{opensearch_url}/{alias}/_mapping",
            params={"filter_path": "*.mappings._meta"},
            timeout=SECONDS,
            trust_env=False,
        )
        if answer.status_code == httpx.codes.NOT_FOUND:
            return []
        found: dict[str, Any] = answer.raise_for_status().json()
    except (httpx.HTTPError, ValueError) as error:
        raise CommandError(
            "opensearch_failed", f"OpenSearch at {opensearch_url} does not say which indices it has: {error}."
        ) from error
    return [
        IndexInUse(name, index["mappings"]["_meta"]["fingerprint"]) for name, index in sorted(found.items())
    ]
