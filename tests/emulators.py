"""The local emulator by itself, for tests of what it does with our requests."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from scripts.local.emulator_process import Emulator
from scripts.local.settings import LocalSettings
from tests.ports import free_ports


@contextmanager
def running_emulator(directory: Path, *, model_server_port: int) -> Iterator[LocalSettings]:
    """Run an emulator on ports of its own until the block is left; nothing answers as its OpenSearch."""
    port, search_port = free_ports(2)
    settings = LocalSettings(directory=directory, emulator_port=port, model_server_port=model_server_port)
    emulator = Emulator(settings)
    try:
        emulator.start(opensearch_address=f"127.0.0.1:{search_port}")
        yield settings
    finally:
        emulator.stop()
