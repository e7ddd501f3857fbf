"""The connection to OpenSearch: signing, timeouts, and the one place where its errors are translated."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from opensearchpy import (
    ImproperlyConfigured,
    NotFoundError,
    OpenSearch,
    OpenSearchException,
    TransportError,
)
from requests_aws4auth import AWS4Auth  # type: ignore[import-untyped]

from imagesearch.adapters.engine_guard import GuardedConnection
from imagesearch.adapters.patient_transport import PatientTransport
from imagesearch.errors import (
    ImageSearchError,
    IndexMissingError,
    SearchDeniedError,
    SearchRefusedError,
    SearchUnavailableError,
    SettingsError,
)
from imagesearch.models import IndexInfo

_RETRY_AFTER_SECONDS = 5
_SERVICE = "es"
DENIED = "security_exception"
"""What OpenSearch's own roles refuse. A domain's access policy refuses without any such name."""
_BLOCKED = "cluster_block_exception"
"""What a whole index refuses for a while: its disk is full (429 or 403), or it is not recovered yet (503)."""


def aws_auth() -> AWS4Auth:
    """Return request signing by the function's role; the credentials are refreshed while it lives.

    Raises SettingsError where the environment gives neither a region nor credentials.
    """
    import boto3

    session = boto3.Session()
    credentials = session.get_credentials()
    if credentials is None or session.region_name is None:
        raise SettingsError("AWS_REGION and credentials are needed to sign requests to OpenSearch.")
    return AWS4Auth(region=session.region_name, service=_SERVICE, refreshable_credentials=credentials)


def opensearch_client(
    *, endpoint: str, engine: str, auth: AWS4Auth | None, pause: Callable[[float], None] = time.sleep
) -> OpenSearch:
    """Return a client whose every request is inspected for the engine, and signed where `auth` is given.

    Its requests wait no longer than the deadline, and are made again where that may help.
    """
    return OpenSearch(
        hosts=[endpoint],
        http_auth=auth,
        transport_class=PatientTransport,
        pause=pause,
        connection_class=GuardedConnection,
        vector_engine=engine,
    )


def error_type(error: Exception) -> str:
    """Return OpenSearch's own name for an error, e.g. `index_not_found_exception`, or an empty text."""
    info = error.info if isinstance(error, TransportError) and len(error.args) > 2 else None
    details: Any = info.get("error") if isinstance(info, dict) else None
    return str(details.get("type", "")) if isinstance(details, dict) else ""


def overloaded(what: str) -> SearchUnavailableError:
    """Return the error that says that OpenSearch `what` for now."""
    return SearchUnavailableError(f"OpenSearch {what}.", retry_after=_RETRY_AFTER_SECONDS)


def denied(status: object) -> SearchDeniedError:
    """Return the error that says that OpenSearch's own roles refuse what was asked."""
    return SearchDeniedError(
        f"OpenSearch's roles do not admit this function to what it asked ({status}): deploy its stack again, "
        "which maps it to its role."
    )


def passing_error(status: int, kind: str) -> SearchUnavailableError | None:
    """Return the error of a refusal that passes by itself, or None where asking again changes nothing.

    401 and 403 pass where a domain's access policy gives them, which a new role's rights take a while to
    reach; not where the security plugin does, whose roles change by a deployment only.
    """
    if kind == _BLOCKED:
        return overloaded(f"takes no writes or is not recovered, as when its disks are full ({status})")
    if status == 429 or status >= 500 or (status in {401, 403} and kind != DENIED):
        return overloaded(f"is overloaded, failing or does not admit this function yet ({status})")
    return None


def translate(error: Exception) -> ImageSearchError:
    """Return the application's error for one of opensearch-py's."""
    status = error.status_code if isinstance(error, TransportError) else None
    if status in {"N/A", "TIMEOUT"}:
        return overloaded("cannot be reached")
    kind = error_type(error)
    if isinstance(status, int) and (passing := passing_error(status, kind)):
        return passing
    if kind == DENIED:
        return denied(status)
    if kind == "index_not_found_exception":
        return IndexMissingError("The index is missing: it was never set up, or has been deleted.")
    return SearchRefusedError(f"OpenSearch refuses the request ({status}, {kind or type(error).__name__}).")


@contextmanager
def translated() -> Iterator[None]:
    """Raise the application's errors for opensearch-py's."""
    try:
        yield
    except (OpenSearchException, ImproperlyConfigured) as error:
        raise translate(error) from error


def written_alias(alias: str) -> str:
    """Return the alias of the indices that are kept while a migration is under way.

    No index template for `<alias>-…` fits its name.
    """
    return f"{alias}_written"


def read_active(client: OpenSearch, alias: str) -> IndexInfo:
    """Return the one index that the alias leads to, and the model that its mapping names.

    Raises IndexMissingError with what is wrong: no alias, several indices, or an index without a model.
    """
    with translated():
        found = _read_models(client, alias)
    if len(found) != 1:
        raise IndexMissingError(
            f"The alias {alias} must lead to one index that names its model; it leads to {len(found)} such."
        )
    return found[0]


def read_indices(client: OpenSearch, target: str) -> tuple[IndexInfo, ...]:
    """Return every index that an alias or a pattern leads to, in the names' order; none of a missing one."""
    with translated():
        try:
            return _read_models(client, target)
        except NotFoundError as error:
            if error_type(error) != "index_not_found_exception":
                raise
            return ()


def _read_models(client: OpenSearch, target: str) -> tuple[IndexInfo, ...]:
    """Return the indices whose mappings name a model."""
    answer = client.indices.get_mapping(index=target, params={"filter_path": "*.mappings._meta"})
    metas = {name: entry["mappings"]["_meta"] for name, entry in sorted(answer.items())}
    return tuple(
        IndexInfo(
            name=name,
            fingerprint=meta["fingerprint"],
            dimension=meta["dimension"],
            space=meta["space"],
            quantisation=meta.get("quantisation", "none"),
        )
        for name, meta in metas.items()
    )
