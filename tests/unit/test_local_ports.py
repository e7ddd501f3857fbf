"""Ports on loopback: which are free, and who is promised one."""

import socket
import subprocess
import sys
from collections.abc import Iterator

import pytest

from scripts.local.ports import LAST_PORT, LOOPBACK, free_port, number_of, reserve_port
from tests.ports import free_ports

RESERVES = "import sys; from scripts.local.ports import *; print(number_of(reserve_port(int(sys.argv[1]))))"


@pytest.fixture
def reserved() -> Iterator[int]:
    (first,) = free_ports(1)
    with reserve_port(first) as reservation:
        yield number_of(reservation)


def test_a_reserved_port_is_promised_to_nobody_else(reserved: int) -> None:
    with reserve_port(reserved) as other:
        assert number_of(other) > reserved
    assert free_port(reserved) > reserved


def test_a_reserved_port_is_promised_to_no_other_process(reserved: int) -> None:
    assert int(subprocess.check_output([sys.executable, "-c", RESERVES, str(reserved)])) > reserved


def test_a_server_listens_on_the_port_that_is_reserved_for_it(reserved: int) -> None:
    with socket.create_server((LOOPBACK, reserved)):
        socket.create_connection((LOOPBACK, reserved)).close()


def test_a_port_that_is_given_back_is_free() -> None:
    (first,) = free_ports(1)
    with reserve_port(first) as reservation:
        port = number_of(reservation)
    assert free_port(port) == port


def test_a_port_that_a_server_holds_is_passed_over() -> None:
    (held,) = free_ports(1)
    with socket.create_server((LOOPBACK, held)):
        assert free_port(held) > held


def test_that_no_port_is_left_is_an_error() -> None:
    with pytest.raises(OSError, match=f"no port from {LAST_PORT + 1} to {LAST_PORT} is free"):
        reserve_port(LAST_PORT + 1)
