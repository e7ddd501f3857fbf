"""Who may sign in, where the API asks for a token."""

import re
from dataclasses import dataclass
from typing import Literal, get_args

from stacks.settings.checks import require, require_between

# Where the command line waits for the browser to come back; Cognito compares whole addresses.
LOGIN_ADDRESSES = tuple(f"http://localhost:{port}/" for port in (8477, 8478, 8479))

MultiFactor = Literal["optional", "required"]

_PREFIX = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_RESERVED = ("aws", "amazon", "cognito")


@dataclass(frozen=True, kw_only=True)
class UserSettings:
    """The user pool of an environment with `api.authorisation` "cognito".

    People are invited; with `self_sign_up` they may also register themselves. `threat_protection` refuses
    passwords that have leaked and sign-ins that look stolen; it needs Cognito's plan Plus, which is paid for
    by active user. An access token lasts `token_minutes`, a sign-in `session_days`. `domain_prefix` begins
    the sign-in's address and is unique among a region's accounts; None makes one of the account's number.
    """

    multi_factor: MultiFactor = "optional"
    self_sign_up: bool = False
    threat_protection: bool = False
    minimum_password_length: int = 12
    token_minutes: int = 60
    session_days: int = 30
    domain_prefix: str | None = None

    def __post_init__(self) -> None:
        """Check the ranges of Cognito, and what a sign-in's address may be."""
        kinds = get_args(MultiFactor)
        require(self.multi_factor in kinds, f"users.multi_factor must be one of {', '.join(kinds)}")
        require_between("users.minimum_password_length", self.minimum_password_length, 8, 99)
        require_between("users.token_minutes", self.token_minutes, 5, 24 * 60)
        require_between("users.session_days", self.session_days, 1, 3650)
        prefix = self.domain_prefix
        sound = prefix is None or (
            _PREFIX.fullmatch(prefix) is not None and not any(word in prefix for word in _RESERVED)
        )
        require(
            sound,
            "users.domain_prefix must be lower-case letters, digits and hyphens, without "
            f"{', '.join(_RESERVED)}: {prefix!r}",
        )
