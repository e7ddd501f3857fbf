"""Who may do what: the question that the stand-ins ask, and the answer where nobody enforces IAM.

Free of the emulator, whose own judgement is asked in ``enforcement.py``.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from scripts.local.emulator.errors import SageMakerError
from scripts.local.emulator.transform_run import Objects


class Authority(Protocol):
    """Judges requests and roles; every refusal is the ``SageMakerError`` of a denied action."""

    def require_caller(self, headers: Mapping[str, str], action: str, resource: str, /) -> None:
        """Raise unless whoever signed the request with these headers may do ``action`` on ``resource``."""
        ...

    def require_role(self, role: str, action: str, resource: str, /) -> None:
        """Raise unless the role with this ARN may do ``action`` on ``resource``."""
        ...

    def credentials(self, role: str, /) -> Mapping[str, str]:
        """The environment variables by which a process acts as the role with this ARN."""
        ...


class Everyone:
    """The authority of an emulator that enforces nothing: all may do everything, as the emulator itself."""

    def require_caller(self, _headers: Mapping[str, str], _action: str, _resource: str, /) -> None:
        """Refuse nothing."""

    def require_role(self, _role: str, _action: str, _resource: str, /) -> None:
        """Refuse nothing."""

    def credentials(self, _role: str, /) -> Mapping[str, str]:
        """None beside those that every process of the emulator has."""
        return {}


@dataclass(frozen=True)
class ObjectsOfRole:
    """S3 as one role may use it."""

    objects: Objects
    authority: Authority
    role: str

    def fetch(self, bucket: str, key: str) -> bytes | None:
        """The object's bytes, or None where there is none."""
        self._require("s3:GetObject", f"{bucket}/{key}")
        return self.objects.fetch(bucket, key)

    def keys(self, bucket: str, prefix: str) -> list[str]:
        """The keys with that prefix, in order."""
        self._require("s3:ListBucket", bucket)
        return self.objects.keys(bucket, prefix)

    def put(self, bucket: str, key: str, body: bytes) -> None:
        """Write an object."""
        self._require("s3:PutObject", f"{bucket}/{key}")
        self.objects.put(bucket, key, body)

    def _require(self, action: str, resource: str) -> None:
        self.authority.require_role(self.role, action, f"arn:aws:s3:::{resource}")


def access_denied(message: str) -> SageMakerError:
    """What SageMaker says to who lacks the right."""
    return SageMakerError(403, "AccessDeniedException", message)


def not_authorised(who: str, action: str, resource: str) -> str:
    """The sentence of AWS."""
    return f"User: {who} is not authorized to perform: {action} on resource: {resource}"
