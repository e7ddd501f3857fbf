"""What processes of a network namespace without a way out have tried to reach, as the kernel counted it."""

from pathlib import Path


def attempts(process: int) -> dict[str, int]:
    """How often any process of that one's namespace wanted a route that there is not, or sent a datagram.

    A connection to an address outside has no route there, by IPv4 or IPv6; a question to a name server on
    this machine is a datagram.
    """
    folder = Path(f"/proc/{process}/net")
    four, six = (folder / "snmp").read_text(), (folder / "snmp6").read_text()
    return {
        "IPv4 without a route": _counter(four, "Ip", "OutNoRoutes"),
        "IPv6 without a route": _counter_of_six(six, "Ip6OutNoRoutes"),
        "datagrams": _counter(four, "Udp", "OutDatagrams") + _counter_of_six(six, "Udp6OutDatagrams"),
    }


def _counter(text: str, protocol: str, name: str) -> int:
    """A counter of /proc/net/snmp: a line of names and a line of values for each protocol."""
    names, values = (line.split()[1:] for line in text.splitlines() if line.startswith(f"{protocol}:"))
    return int(values[names.index(name)])


def _counter_of_six(text: str, name: str) -> int:
    """A counter of /proc/net/snmp6: a name and a value a line."""
    return int(dict(line.split() for line in text.splitlines())[name])
