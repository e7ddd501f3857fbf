"""Where functions, domain and models meet: at AWS's public addresses, or in a network of their own."""

from dataclasses import dataclass
from ipaddress import IPv4Network
from typing import Literal, get_args

from stacks import limits
from stacks.settings.checks import SettingsError, require, require_between

NetworkKind = Literal["public", "vpc"]

_SMALLEST_PREFIX = 24
"""Some 60 addresses a zone with three of them: a domain takes a few for each node, functions share some."""


@dataclass(frozen=True, kw_only=True)
class NetworkSettings:
    """How the parts of an environment reach each other.

    `public`: by the public addresses of AWS's services, over TLS and with signed requests. `vpc`: the domain,
    and all functions that call it, lie in a VPC without a way to the internet, in which S3 and SageMaker have
    endpoints. A domain's place is chosen when it is made: another one takes another domain.

    `cidr` are the VPC's addresses, shared by `zones` zones of the region: the first ones, or those of
    `zone_names` where an account cannot use these. With `models` the containers of the models lie there too.
    """

    kind: NetworkKind = "public"
    cidr: str = "10.0.0.0/20"
    zones: int = 3
    zone_names: tuple[str, ...] = ()
    models: bool = False

    def __post_init__(self) -> None:
        """Check the addresses and the zones."""
        kinds = get_args(NetworkKind)
        require(self.kind in kinds, f"network.kind must be one of {', '.join(kinds)}, not {self.kind!r}")
        largest = limits.VPC_LARGEST_PREFIX.value
        require_between("network.cidr: prefix", _block(self.cidr).prefixlen, largest, _SMALLEST_PREFIX)
        require_between("network.zones", self.zones, 2, limits.DOMAIN_ZONES.value)
        named = len(set(self.zone_names)) in (0, self.zones) and len(self.zone_names) in (0, self.zones)
        require(named, f"network.zone_names must be {self.zones} distinct names, or none")
        require(self.is_private or not self.models, "network.models needs network.kind 'vpc'")

    @property
    def is_private(self) -> bool:
        """Whether there is a VPC."""
        return self.kind == "vpc"


def _block(cidr: str) -> IPv4Network:
    try:
        block = IPv4Network(cidr)
    except ValueError as error:
        raise SettingsError(f"network.cidr must be such as 10.0.0.0/20, not {cidr!r}") from error
    require(block.is_private, f"network.cidr must be addresses of private networks, not {cidr}")
    return block
