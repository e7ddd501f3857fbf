"""What a program needs to call the deployed API, by what the API asks of its callers."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class KeyAccess:
    """The API asks for a key: its id, by which API Gateway tells the key itself."""

    key_id: str


@dataclass(frozen=True, kw_only=True)
class SignedAccess:
    """The API asks for requests that are signed by a role of the account."""


@dataclass(frozen=True, kw_only=True)
class TokenAccess:
    """The API asks for a token: the client that gets some at `token_url`, whose secret the pool tells."""

    user_pool_id: str
    client_id: str
    token_url: str
    scope: str


ApiAccess = KeyAccess | SignedAccess | TokenAccess
