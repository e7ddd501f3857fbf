"""The query API."""

import re
from dataclasses import dataclass
from typing import Literal, get_args

from stacks import limits
from stacks.settings.checks import require, require_between, require_function

Authorisation = Literal["key", "iam", "cognito"]

_ORIGIN = re.compile(r"https?://[a-zA-Z0-9.*-]+(:(\d+|\*))?")


@dataclass(frozen=True, kw_only=True)
class ApiSettings:
    """The query API.

    `authorisation` is what every route but thumbnails asks of its callers: an API key, a signature of AWS
    (IAM), or an access token of the environment's user pool (Cognito). `rate_per_second` and `burst` are
    those of the stage, and of the usage plan for each key. `firewall` puts a web ACL before the API, which
    also holds each address to `requests_per_address` in five minutes; a page of results asks for 100
    thumbnails.
    Pages of `web_origins` may send pictures to the image bucket and read them from it; an origin may hold one
    asterisk. A running function keeps the vectors of the last `encode_cache_size` texts and pictures.
    `fetch_urls` lets searches name pictures by their addresses on the public web, which the function fetches.
    """

    memory_mb: int = 1024
    timeout_seconds: int = 28
    invoke_timeout_seconds: int = 20
    authorisation: Authorisation = "key"
    rate_per_second: int = 20
    burst: int = 40
    firewall: bool = False
    requests_per_address: int = 12_000
    max_results: int = 100
    url_ttl_seconds: int = 900
    encode_cache_size: int = 1000
    fetch_urls: bool = False
    web_origins: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Check the ranges, and that every wait ends before the one around it."""
        require_function("api", memory_mb=self.memory_mb, timeout_seconds=self.timeout_seconds)
        within = self.invoke_timeout_seconds < self.timeout_seconds < limits.API_SECONDS.value
        require(
            within, f"api: invoke_timeout_seconds < timeout_seconds < {limits.API_SECONDS.value} must hold"
        )
        require(1 <= self.rate_per_second <= self.burst, "api: 1 <= rate_per_second <= burst must hold")
        modes = get_args(Authorisation)
        require(self.authorisation in modes, f"api.authorisation must be one of {', '.join(modes)}")
        require_between(
            "api.requests_per_address",
            self.requests_per_address,
            limits.FIREWALL_MINIMUM_RATE.value,
            limits.FIREWALL_RATE.value,
        )
        require_between("api.max_results", self.max_results, 1, limits.NEIGHBOURS.value)
        require_between("api.url_ttl_seconds", self.url_ttl_seconds, 1, limits.PRESIGNED_SECONDS.value)
        # As Python's numbers, 10,000 vectors of 512 take some 160 MB.
        require_between("api.encode_cache_size", self.encode_cache_size, 1, 10_000)
        for origin in self.web_origins:
            known = _ORIGIN.fullmatch(origin) and origin.count("*") <= 1
            require(bool(known), f"api.web_origins must be such as https://search.example, not {origin!r}")
