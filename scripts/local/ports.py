"""Free ports on loopback, and the model servers' reservations of them.

Needs the standard library only: the emulator's interpreter runs it too.
"""

import errno
import socket

LOOPBACK = "127.0.0.1"

FIRST_PORT, LAST_PORT = 18080, 32766
"""Where ports are looked for; multi-model-server refuses those from 32767 on."""


def free_port(first: int = FIRST_PORT) -> int:
    """The first port from ``first`` on that nobody holds; ``OSError`` when there is none."""
    with reserve_port(first) as reservation:
        return number_of(reservation)


def reserve_port(first: int = FIRST_PORT) -> socket.socket:
    """Hold the first free port from ``first`` on, until what is returned is closed.

    A server listens only a while after its port was chosen, and another's answer would pass for its own. What
    is held is the datagram port of the same number, which no server wants: it keeps other reservations away,
    in every process, but not the server. ``OSError`` when no port is free.
    """
    for port in range(first, LAST_PORT + 1):
        reservation = socket.socket(type=socket.SOCK_DGRAM)
        try:
            reservation.bind((LOOPBACK, port))
            with socket.socket() as probe:
                probe.bind((LOOPBACK, port))
        except OSError:
            reservation.close()
            continue
        return reservation
    raise OSError(errno.EADDRINUSE, f"no port from {first} to {LAST_PORT} is free")


def number_of(reservation: socket.socket) -> int:
    """The number of the port that is held."""
    return int(reservation.getsockname()[1])
