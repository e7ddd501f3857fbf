"""The image bucket: the present state of its objects, what is said of them, and links to pictures."""

from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from imagesearch.adapters.s3_links import LinkSigner, bucket_address
from imagesearch.errors import ImageSearchError, StoreRefusedError, StoreUnavailableError
from imagesearch.metadata import MAX_SIDECAR_BYTES, is_sidecar, picture_key, sidecar_key
from imagesearch.models import Links, ObjectState, UploadForm
from imagesearch.ports import LISTED
from imagesearch.uploads import MAX_KEY_BYTES, is_query

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import HeadObjectOutputTypeDef, ObjectTypeDef

_TIMEOUT_SECONDS = 5
_RETRY_AFTER_SECONDS = 5
_WAITING_STATES = 1000
"""How many states of a listing may wait for a sidecar that sorts behind the first of them."""
_AWS_DOMAINS = ("amazonaws.com", "amazonaws.com.cn", "api.aws")


def s3_client() -> "S3Client":
    """Return a client with explicit timeouts, whose links are signed with version 4.

    S3 of AWS is addressed by the bucket's own host name; any other endpoint by path, since a host such as
    `bucket.127.0.0.1` leads nowhere.
    """
    import boto3

    config = Config(
        signature_version="s3v4",
        connect_timeout=_TIMEOUT_SECONDS,
        read_timeout=_TIMEOUT_SECONDS,
        retries={"mode": "standard", "total_max_attempts": 3},
        s3={"addressing_style": "virtual"},
    )
    client = boto3.client("s3", config=config)
    if client.meta.endpoint_url.endswith(_AWS_DOMAINS):
        return client
    return boto3.client("s3", config=config.merge(Config(s3={"addressing_style": "path"})))


def translate(error: ClientError | BotoCoreError) -> ImageSearchError:
    """Return the application's error for boto's: what passes by itself, and what does not."""
    if isinstance(error, BotoCoreError):
        return StoreUnavailableError("S3 cannot be reached.", retry_after=_RETRY_AFTER_SECONDS)
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 500)
    if status >= 500 or status == 429:
        return StoreUnavailableError("S3 is overloaded or failing.", retry_after=_RETRY_AFTER_SECONDS)
    code = error.response.get("Error", {}).get("Code", "unknown")
    return StoreRefusedError(f"S3 refuses the request ({status}, {code}).")


def is_absence(error: ClientError) -> bool:
    """Tell whether there is no such object; a HEAD request answers without a body, hence the bare number."""
    return error.response.get("Error", {}).get("Code") in {"404", "NoSuchKey"}


@contextmanager
def translated() -> Iterator[None]:
    """Raise the application's errors for boto's."""
    try:
        yield
    except (ClientError, BotoCoreError) as error:
        raise translate(error) from error


class S3PictureStore:
    """The pictures of one bucket.

    The caller's role needs s3:ListBucket beside s3:GetObject: without it S3 answers 403 for an absent
    object, which then raises StoreRefusedError rather than being taken for a deletion.
    """

    def __init__(self, *, client: "S3Client", bucket: str) -> None:
        self._client = client
        self._bucket = bucket

    def look(self, key: str) -> ObjectState | None:
        """Return the picture's present state (ETags without quotes), or None where there is none."""
        head = None if is_query(key) else self._head(key)
        if head is None:
            return None
        return ObjectState(
            key=key,
            etag=head["ETag"].strip('"'),
            size=head["ContentLength"],
            last_modified=head["LastModified"],
            sidecar=self._sidecar_etag(key),
        )

    def user_metadata(self, key: str) -> Mapping[str, str]:
        """Return what S3 keeps with an object, its names in lower case; nothing of an absent one."""
        head = self._head(key)
        return {} if head is None else head["Metadata"]

    def sidecar(self, key: str, *, etag: str) -> bytes | None:
        """Return the content of a picture's sidecar, or None where it is not the one of this ETag.

        At most one byte more is read than a sidecar may have.
        """
        with translated():
            try:
                answer = self._client.get_object(Bucket=self._bucket, Key=sidecar_key(key))
            except ClientError as error:
                if is_absence(error):
                    return None
                raise
            with closing(answer["Body"]) as body:
                content = body.read(MAX_SIDECAR_BYTES + 1)
        return content if answer["ETag"].strip('"') == etag else None

    def listing(self, *, prefix: str = "", after: str = "", at_once: int = LISTED) -> Iterator[ObjectState]:
        """Yield the pictures whose key begins with `prefix` and comes after `after`, in the keys' order.

        Their states equal those that `look` returns: S3 keeps times in seconds, whatever a listing shows.
        """
        objects = (each for each in self._objects(prefix, after, at_once) if not is_query(each.key))
        return with_sidecars(objects, ask=self._sidecar_etag)

    def _objects(self, prefix: str, after: str, at_once: int) -> Iterator[ObjectState]:
        pages = self._client.get_paginator("list_objects_v2").paginate(
            Bucket=self._bucket,
            Prefix=prefix,
            StartAfter=after,
            PaginationConfig={"PageSize": min(at_once, LISTED)},
        )
        with translated():
            for page in pages:
                yield from map(_listed, page.get("Contents", []))

    def _head(self, key: str) -> "HeadObjectOutputTypeDef | None":
        with translated():
            try:
                return self._client.head_object(Bucket=self._bucket, Key=key)
            except ClientError as error:
                if is_absence(error):
                    return None
                raise

    def _sidecar_etag(self, key: str) -> str | None:
        """Return the ETag of a picture's sidecar, or None; a very long key leaves no room for one."""
        beside = sidecar_key(key)
        head = self._head(beside) if len(beside.encode()) <= MAX_KEY_BYTES else None
        return None if head is None else head["ETag"].strip('"')

    def links(self, key: str, *, ttl_seconds: int) -> Links:
        """Return presigned GET links; they end with the signing role's session if that is sooner."""
        with translated():
            return self._signer.links(key, ttl_seconds=ttl_seconds)

    def upload_form(self, key: str, *, content_type: str, max_bytes: int, ttl_seconds: int) -> UploadForm:
        """Return the form of a presigned POST under the rights of the caller's role."""
        with translated():
            form = self._client.generate_presigned_post(
                self._bucket,
                key,
                Fields={"Content-Type": content_type},
                Conditions=[{"Content-Type": content_type}, ["content-length-range", 1, max_bytes]],
                ExpiresIn=ttl_seconds,
            )
        return UploadForm(url=form["url"], fields=form["fields"])

    @cached_property
    def _signer(self) -> LinkSigner:
        import boto3

        return LinkSigner(bucket_address(self._client, self._bucket), boto3.Session().get_credentials())


def _listed(entry: "ObjectTypeDef") -> ObjectState:
    return ObjectState(
        key=entry["Key"],
        etag=entry["ETag"].strip('"'),
        size=entry["Size"],
        last_modified=entry["LastModified"].replace(microsecond=0),
    )


def with_sidecars(
    objects: Iterable[ObjectState], *, ask: Callable[[str], str | None]
) -> Iterator[ObjectState]:
    """Yield the pictures among a listing's objects, each with its sidecar's ETag, in the listing's order.

    A picture waits until the listing is behind its sidecar: `a.jpg-2` lies between `a.jpg` and `a.jpg.json`.
    Where too many pictures wait, `ask` tells the ETag of the first one's sidecar.
    """
    waiting = OrderedDict[str, ObjectState]()
    for each in objects:
        if is_sidecar(each.key) and (described := waiting.get(picture_key(each.key))):
            waiting[described.key] = replace(described, sidecar=each.etag)
        while waiting and _is_settled(first := next(iter(waiting.values())), behind=each.key):
            yield waiting.pop(first.key)
        if not is_sidecar(each.key):
            waiting[each.key] = each
        if len(waiting) > _WAITING_STATES:
            _, first = waiting.popitem(last=False)
            yield replace(first, sidecar=ask(first.key))
    yield from waiting.values()


def _is_settled(state: ObjectState, *, behind: str) -> bool:
    """Tell whether the sidecar was met, or can no longer be, as the listing is at `behind`."""
    return state.sidecar is not None or sidecar_key(state.key) < behind
