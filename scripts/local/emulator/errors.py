"""The errors that the stand-in answers, as SageMaker words them."""


class SageMakerError(Exception):
    """An answer of AWS that is no success: HTTP ``status``, ``code``, and further ``members``."""

    def __init__(self, status: int, code: str, message: str, **members: object) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.members = members


def not_found(kind: str, name: str) -> SageMakerError:
    """What the control plane says of a model, endpoint configuration or endpoint that does not exist."""
    return SageMakerError(400, "ValidationException", f'Could not find {kind} "{name}".')


def already_exists(kind: str, name: str) -> SageMakerError:
    """What the control plane says when a name is taken."""
    return SageMakerError(400, "ValidationException", f"Cannot create already existing {kind} {name}.")


def job_unknown(name: str) -> SageMakerError:
    """What the control plane says of a transform job that does not exist."""
    return SageMakerError(400, "ValidationException", f"Could not find requested job with name: {name}")


def job_exists(name: str) -> SageMakerError:
    """What CreateTransformJob says when a job of that name ever ran: names are never free again."""
    return SageMakerError(
        400,
        "ResourceInUse",
        f"Job name must be unique within an AWS account and region, and a job with this name already exists "
        f"({name}).",
    )


def endpoint_unknown(name: str, account: str) -> SageMakerError:
    """What an invocation of an endpoint that does not exist gets."""
    return SageMakerError(400, "ValidationError", f"Endpoint {name} of account {account} not found.")


def endpoint_not_ready(name: str) -> SageMakerError:
    """What an invocation gets while the endpoint's container is being provisioned."""
    return SageMakerError(429, "ModelNotReadyException", f"The model of endpoint {name} is not ready yet.")


def endpoint_down(name: str) -> SageMakerError:
    """What an invocation gets while SageMaker replaces a container that has ended."""
    return SageMakerError(503, "ServiceUnavailable", f"The container of endpoint {name} is being replaced.")


def model_error(status: int, body: bytes) -> SageMakerError:
    """How SageMaker hands on a container's answer other than 2xx; status 0 is a container's silence."""
    text = body.decode(errors="replace")
    client = 400 <= status < 500
    return SageMakerError(
        424,
        "ModelError",
        f'Received {"client" if client else "server"} error ({status}) from primary with message "{text}".',
        ErrorCode="CLIENT_ERROR_FROM_MODEL" if client else "INTERNAL_FAILURE_FROM_MODEL",
        OriginalStatusCode=status,
        OriginalMessage=text,
    )
