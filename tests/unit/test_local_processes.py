"""Processes that outlive the command that started them."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from scripts.errors import CommandError
from scripts.local.processes import MARKER, ProcessTable, end_processes, require_free_port
from scripts.local.waiting import wait_until

IGNORES_SIGTERM = """
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("ready", flush=True)
time.sleep(60)
"""
PARENT_THAT_CRASHES = """
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], start_new_session=True)
print(child.pid, flush=True)
"""
SLEEPER = "import time; print('ready', flush=True); time.sleep(60)"


@pytest.fixture
def table(tmp_path: Path) -> Iterator[ProcessTable]:
    table = ProcessTable(tmp_path)
    yield table
    table.stop("part")


def start(table: ProcessTable, program: str, directory: Path) -> int:
    process = table.start(
        "part", [sys.executable, "-c", program], environment=os.environ, port=1, directory=directory
    )
    return process.pid


def lives(pid: int) -> bool:
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


def wait_for_output(table: ProcessTable) -> str:
    assert wait_until(lambda: bool(table.log_tail("part")), seconds=20)
    return table.log_tail("part")


def test_a_started_process_is_running_and_a_stopped_one_is_not(table: ProcessTable, tmp_path: Path) -> None:
    pid = start(table, SLEEPER, tmp_path)
    running = table.running("part")
    assert running is not None
    assert running.pid == pid
    assert table.stop("part") is True
    assert table.running("part") is None
    assert not lives(pid)


def test_nothing_is_stopped_where_nothing_runs(table: ProcessTable) -> None:
    assert table.stop("part") is False


def test_a_recycled_pid_is_neither_running_nor_killed(table: ProcessTable, tmp_path: Path) -> None:
    stranger = subprocess.Popen([sys.executable, "-c", SLEEPER], stdout=subprocess.DEVNULL)
    try:
        pid_file = tmp_path / "run" / "part.json"
        pid_file.parent.mkdir()
        pid_file.write_text(f'{{"pid": {stranger.pid}, "created": 1.0, "port": 1}}')
        assert table.running("part") is None
        assert table.stop("part") is False
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_a_stop_ends_what_a_crashed_parent_left_in_a_session_of_its_own(
    table: ProcessTable, tmp_path: Path
) -> None:
    start(table, PARENT_THAT_CRASHES, tmp_path)
    orphan = int(wait_for_output(table))
    assert wait_until(lambda: table.running("part") is None, seconds=20)
    assert lives(orphan)
    assert table.stop("part") is True
    assert not lives(orphan)


def test_a_process_that_ignores_sigterm_is_killed_after_the_deadline(
    table: ProcessTable, tmp_path: Path
) -> None:
    pid = start(table, IGNORES_SIGTERM, tmp_path)
    wait_for_output(table)
    end_processes([psutil.Process(pid)], seconds=0.2)
    assert not lives(pid)


def test_another_environments_processes_are_left_alone(table: ProcessTable, tmp_path: Path) -> None:
    pid = start(table, SLEEPER, tmp_path)
    assert ProcessTable(tmp_path / "other").stop("part") is False
    assert lives(pid)


def test_a_process_carries_its_marker(table: ProcessTable, tmp_path: Path) -> None:
    pid = start(table, SLEEPER, tmp_path)
    wait_for_output(table)
    assert psutil.Process(pid).environ()[MARKER] == f"{tmp_path.resolve()}:part"


def test_a_busy_port_is_named_with_its_holder_and_the_variable_that_moves_it() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with pytest.raises(CommandError) as raised:
            require_free_port(port, part="the emulator", variable="IMAGESEARCH_EMULATOR_PORT")
    assert raised.value.code == "port_busy"
    assert str(port) in raised.value.message
    assert f"(pid {os.getpid()})" in raised.value.message
    assert "IMAGESEARCH_EMULATOR_PORT" in raised.value.message


def test_a_free_port_is_accepted() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    require_free_port(port, part="the emulator", variable="IMAGESEARCH_EMULATOR_PORT")
