"""What an environment in an account consists of, found by the names and tags that the stacks give it."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from scripts.aws_errors import aws_errors
from scripts.errors import CommandError
from scripts.stack_outputs import Account
from stacks.settings import Settings

APPLICATION = "semantic-image-search"
_UNKNOWN = {"404", "501", "InvalidAction", "NotImplemented", "UnknownOperationException", "UnknownService"}


@dataclass(frozen=True, kw_only=True)
class Place:
    """An environment in an account; ``prefix`` is what its names begin with."""

    settings: Settings
    account: Account

    @property
    def name(self) -> str:
        """What its settings call it."""
        return self.settings.name

    @property
    def prefix(self) -> str:
        """What the names of its parts begin with."""
        return self.settings.endpoint_prefix

    @property
    def region(self) -> str:
        """Where it lies."""
        return str(self.account.session.region_name)

    def client(self, service: str) -> Any:
        """A client of one of its services."""
        return self.account.client(service)

    def listed(
        self, service: str, operation: str, key: str, **parameters: Any
    ) -> Iterator[Mapping[str, Any]]:
        """Yield the items below ``key`` of every page of a list."""
        client = self.client(service)
        with aws_errors():
            if not client.can_paginate(operation):
                yield from getattr(client, operation)(**parameters).get(key, [])
                return
            for page in client.get_paginator(operation).paginate(**parameters):
                yield from page.get(key, [])


def attempted(call: Callable[[], object]) -> str | None:
    """Do what may be refused, and return why it was."""
    try:
        call()
    except CommandError as error:
        return error.message
    except (ClientError, BotoCoreError) as error:
        return str(error)
    return None


def is_unknown(error: CommandError) -> bool:
    """Whether AWS, or what stands for it here, does not know the service or the call at all."""
    cause = error.__cause__
    if isinstance(cause, ClientError):
        details = cause.response
        status = str(details.get("ResponseMetadata", {}).get("HTTPStatusCode", ""))
        return details.get("Error", {}).get("Code") in _UNKNOWN or status == "501"
    return False
