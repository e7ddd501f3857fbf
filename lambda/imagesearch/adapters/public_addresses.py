"""Which addresses are public: those that a stranger could ask himself."""

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

WEB_PORTS = frozenset({80, 443})

_NOT_PUBLIC_V4 = tuple(
    IPv4Network(each)
    for each in (
        "192.0.0.0/24",  # protocol assignments, of which Python takes two for global
        "192.88.99.0/24",  # relays of 6to4
        "224.0.0.0/4",  # multicast, which Python takes for global
    )
)
_UNICAST_V6 = IPv6Network("2000::/3")
_NOT_PUBLIC_V6 = tuple(
    IPv6Network(each)
    for each in (
        "2001::/23",  # protocol assignments, Teredo among them
        "2002::/16",  # 6to4, which holds an IPv4 address
        "3fff::/20",  # documentation, unknown to older versions of Python
    )
)
_NAT64 = IPv6Network("64:ff9b::/96")


def is_public(address: str) -> bool:
    """Tell whether this IPv4 or IPv6 address is one host of the public internet.

    Of those that carry an IPv4 address, only NAT64's are, where that address is: a network without IPv4
    reaches all others by them.
    """
    parsed = ip_address(address)
    return _is_public_v4(parsed) if isinstance(parsed, IPv4Address) else _is_public_v6(parsed)


def is_web_server(address: str, port: int) -> bool:
    """Tell whether pictures may be fetched from this address and port."""
    return port in WEB_PORTS and is_public(address)


def _is_public_v4(address: IPv4Address) -> bool:
    return address.is_global and not any(address in network for network in _NOT_PUBLIC_V4)


def _is_public_v6(address: IPv6Address) -> bool:
    if address in _NAT64:
        return _is_public_v4(IPv4Address(int(address) & 0xFFFFFFFF))
    is_kept = any(address in network for network in _NOT_PUBLIC_V6)
    return address.is_global and address in _UNICAST_V6 and not is_kept
