"""What each function of the bulk run may do: its files in the artifact bucket, its paths of the domain."""

from collections.abc import Sequence

from aws_cdk import aws_iam as iam

from stacks import names
from stacks.components.domain.vector_domain import allow_requests
from stacks.components.foundations.encryption_key import allow_objects
from stacks.components.foundations.permissions import allow, bucket_arn
from stacks.components.models.encoder_access import allow_encoding, allow_reading_pictures
from stacks.names import INDEX_ALIAS, WRITTEN_ALIAS
from stacks.settings import Settings

_DOCUMENTS = "Documents of any picture, in whichever indices are kept."
_MAPPINGS = (f"{INDEX_ALIAS}/_mapping", f"{WRITTEN_ALIAS}/_mapping")
_RUN = f"{names.RUNS}/*"


def allow_plan(role: iam.Role, settings: Settings) -> None:
    """Let `role` compare pictures and documents, bring single ones in line, and write a run's plan."""
    rejects = f"{names.REJECTS}/*"
    _allow_files(role, settings, read=[_RUN, rejects], write=[_RUN, rejects])
    _allow_single_pictures(role, settings)
    paths = [f"{INDEX_ALIAS}-*/_mget", f"{INDEX_ALIAS}-*/_search"]
    allow_requests(role, settings=settings, methods=["Post"], paths=paths, reason=_DOCUMENTS)


def allow_prepare(role: iam.Role, settings: Settings) -> None:
    """Let `role` write a run's manifest, and set its index to loading."""
    _allow_files(role, settings, read=[_RUN], write=[f"{_RUN}/{names.MANIFEST}"])
    _allow_mapping(role, settings)
    _allow_loading(role, settings)


def allow_index(role: iam.Role, settings: Settings) -> None:
    """Let `role` write the documents of any shard, and bring single pictures in line."""
    written = [f"{_RUN}/{names.INDEXED}/*", f"{names.REJECTS}/*"]
    _allow_files(role, settings, read=[_RUN, f"{names.REJECTS}/*"], write=written)
    _allow_single_pictures(role, settings)
    paths = [f"{INDEX_ALIAS}-*/_bulk", f"{INDEX_ALIAS}-*/_mget"]
    allow_requests(role, settings=settings, methods=["Post"], paths=paths, reason=_DOCUMENTS)


def allow_finish(role: iam.Role, settings: Settings) -> None:
    """Let `role` read a run's files, write its report, and end the loading of the index."""
    _allow_files(role, settings, read=[_RUN], write=[f"{_RUN}/{names.REPORT}"])
    _allow_loading(role, settings)
    paths = [f"{INDEX_ALIAS}-*/_refresh"]
    allow_requests(role, settings=settings, methods=["Post"], paths=paths, reason=_DOCUMENTS)


def _allow_files(role: iam.Role, settings: Settings, *, read: Sequence[str], write: Sequence[str]) -> None:
    bucket = bucket_arn(names.artifact_bucket(settings))
    # Without it an absent file is a missing permission, and for what is there it is the listing.
    allow(role, actions=["s3:ListBucket"], resources=[bucket])
    for action, paths in (("s3:GetObject", read), ("s3:PutObject", write)):
        files = [f"{bucket}/{path}" for path in paths]
        allow(role, actions=[action], resources=files, wildcard="The files of any run.")
    allow_objects(role, settings=settings, bucket=names.artifact_bucket(settings), write=True)


def _allow_single_pictures(role: iam.Role, settings: Settings) -> None:
    """Let `role` do what ingest does: look at a picture, have it embedded, and write its document."""
    allow_reading_pictures(role, settings)
    allow_encoding(role, settings)
    _allow_mapping(role, settings)
    paths = [f"{INDEX_ALIAS}-*/_doc/*"]
    allow_requests(role, settings=settings, methods=["Delete", "Get", "Put"], paths=paths, reason=_DOCUMENTS)


def _allow_mapping(role: iam.Role, settings: Settings) -> None:
    allow_requests(role, settings=settings, methods=["Get"], paths=_MAPPINGS, reason=_DOCUMENTS)


def _allow_loading(role: iam.Role, settings: Settings) -> None:
    reason = "The settings of whichever index the alias leads to."
    paths = [f"{INDEX_ALIAS}-*/_settings"]
    allow_requests(role, settings=settings, methods=["Put"], paths=paths, reason=reason)
