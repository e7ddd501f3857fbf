"""The ``local`` environment, deployed for tests beside any that a developer has running."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from scripts.target import Target, find_target
from tests.e2e.command import Command
from tests.ports import free_ports

PORTS = ("EMULATOR", "OPENSEARCH", "MODEL_SERVER", "WEB")


def own_command(directory: Path) -> Command:
    """The command line, as a person would run it, with its state in ``directory`` and ports of its own."""
    ports = {
        f"IMAGESEARCH_{part}_PORT": str(port)
        for part, port in zip(PORTS, free_ports(len(PORTS)), strict=True)
    }
    variables = os.environ | ports | {"IMAGESEARCH_LOCAL_DIR": str(directory)}
    return Command(Path(sys.executable).with_name("imagesearch"), variables)


@contextmanager
def deployed(imagesearch: Command, *options: str) -> Iterator[Target]:
    """The environment that ``imagesearch local up`` deploys; stopped fully after the block."""
    try:
        imagesearch("local", "up", *options, check=True)
        yield find_target(variables=imagesearch.variables)
    finally:
        imagesearch("local", "down", check=True)
