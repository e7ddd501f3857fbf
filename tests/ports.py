"""Free ports on the loopback interface."""

import random
import socket
from contextlib import ExitStack

BELOW_EPHEMERAL = range(20_000, 32_000)
"""Ports that the system does not hand out by itself: it would take one between our look and its use."""


def free_ports(count: int) -> list[int]:
    """``count`` different ports that nothing listens on at this moment."""
    chosen: list[int] = []
    with ExitStack() as stack:
        while len(chosen) < count:
            port = random.choice(BELOW_EPHEMERAL)  # noqa: S311
            probe = stack.enter_context(socket.socket())
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            chosen.append(port)
    return chosen
