"""What this machine needs: to deploy, and to run the environment `local`."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil

from scripts.doctor.findings import Check, Finding, failed, passed, warned
from scripts.errors import CommandError
from scripts.local.emulator_process import Emulator
from scripts.local.java import MAXIMUM, MINIMUM, java_home
from scripts.local.opensearch import OpenSearch, find_home
from scripts.local.ports import FIRST_PORT, LAST_PORT, free_port
from scripts.local.processes import require_free_port
from scripts.local.settings import TOOLS, LocalSettings, tool_python
from scripts.repository import ROOT, cdk_program, search_path

PYTHON = (3, 11)
DEPLOY_GIB, LOCAL_GIB = 5.0, 3.0
"""Free disk: a packaged model with its sources, and OpenSearch with the emulator's state."""
MEMORY_GIB = 3.0
GIB = 1024**3
TOOL_SECONDS = 30


def tool_checks() -> list[Check]:
    """The checks of the tools that deploying takes."""
    return [
        Check(name="python", look=_python),
        Check(name="cdk", look=_cdk),
        Check(name="disk", look=lambda: _disk(ROOT, DEPLOY_GIB)),
    ]


def local_checks(settings: LocalSettings) -> list[Check]:
    """The checks of the environment on this machine."""
    return [
        *tool_checks()[:2],
        Check(name="tools", look=_tools),
        Check(name="java", look=_java),
        Check(name="ports", look=lambda: _ports(settings)),
        Check(name="disk", look=lambda: _disk(settings.directory, LOCAL_GIB)),
        Check(name="memory", look=_memory),
        Check(name="opensearch", look=lambda: _opensearch(settings)),
        Check(name="emulator", look=lambda: _emulator(settings)),
    ]


def _python() -> Iterator[Finding]:
    version = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info[:2] < PYTHON:
        yield failed("python", f"{version}, but 3.11 or later is needed", "make setup PYTHON=python3.12")
    else:
        yield passed("python", version)


def _cdk() -> Iterator[Finding]:
    try:
        program = cdk_program()
    except CommandError as error:
        yield failed("cdk", error.message, "make setup")
        return
    said = subprocess.run(
        [program, "--version"],
        env={"PATH": search_path(), "CDK_DISABLE_CLI_TELEMETRY": "true"},
        capture_output=True,
        text=True,
        timeout=TOOL_SECONDS,
        check=False,
    )
    if said.returncode:
        yield failed("cdk", f"it does not run: {said.stderr.strip() or said.stdout.strip()}", "make setup")
    else:
        yield passed("cdk", f"{said.stdout.strip()}, with Node")


def _disk(folder: Path, needed: float) -> Iterator[Finding]:
    there = next(each for each in (folder, *folder.parents) if each.exists())
    free = shutil.disk_usage(there).free / GIB
    told = f"{free:.0f} GiB free at {there}"
    if free < needed:
        yield warned("disk", f"{told}, {needed:.0f} may be needed", "make clean, or free some")
    else:
        yield passed("disk", told)


def _tools() -> Iterator[Finding]:
    for name in ("emulator", "model_server"):
        try:
            yield passed("tools", f"{tool_python(name).relative_to(ROOT)}")
        except CommandError as error:
            yield failed("tools", error.message, "make setup")
    if (TOOLS / ".opensearch-ready").exists():
        yield passed("tools", f"{find_home().name}")
    else:
        yield failed("tools", "OpenSearch is not there", "imagesearch local fetch")


def _java() -> Iterator[Finding]:
    home = java_home()
    if (home / "bin" / "java").exists():
        yield passed("java", f"{home}")
    else:
        yield failed(
            "java", f"{home} has no Java of version {MINIMUM} to {MAXIMUM}", "make setup, or set JAVA_HOME"
        )


def _ports(settings: LocalSettings) -> Iterator[Finding]:
    """Look at the ports of what does not run yet; what runs already holds its own."""
    search, emulator = OpenSearch(settings), Emulator(settings)
    for part, variable, port, look in (
        ("OpenSearch", "IMAGESEARCH_OPENSEARCH_PORT", settings.opensearch_port, search.require_port),
        ("the emulator", "IMAGESEARCH_EMULATOR_PORT", settings.emulator_port, emulator.require_port),
    ):
        try:
            look()
            yield passed("ports", f"{port} for {part}")
        except CommandError as error:
            yield failed("ports", error.message, f"export {variable}={_another_port(port)}")
    if emulator.running() is not None:
        return
    port = settings.model_server_port
    try:
        require_free_port(port, part="the model server", variable="IMAGESEARCH_MODEL_SERVER_PORT")
        yield passed("ports", f"{port} for the model server")
    except CommandError as error:
        yield failed("ports", error.message, f"export IMAGESEARCH_MODEL_SERVER_PORT={_another_port(port)}")


def _another_port(port: int) -> int:
    """The next free one, so that for two busy ports two others are told."""
    return free_port(port + 1 if port < LAST_PORT else FIRST_PORT)


def _memory() -> Iterator[Finding]:
    free = psutil.virtual_memory().available / GIB
    if free < MEMORY_GIB:
        yield warned(
            "memory", f"{free:.1f} GiB free, {MEMORY_GIB:.0f} may be needed", "end what takes much of it"
        )
    else:
        yield passed("memory", f"{free:.1f} GiB free")


def _opensearch(settings: LocalSettings) -> Iterator[Finding]:
    search = OpenSearch(settings)
    health = search.health()
    if search.pid() is None and search.is_ours:
        yield passed("opensearch", "not running")
    elif health in ("green", "yellow"):
        yield passed("opensearch", f"{search.url} is {health}")
    else:
        yield failed(
            "opensearch",
            f"{search.url} runs and is {health or 'silent'}",
            "imagesearch local down; imagesearch local up",
        )


def _emulator(settings: LocalSettings) -> Iterator[Finding]:
    emulator = Emulator(settings)
    if emulator.running() is None:
        yield passed("emulator", "not running: imagesearch local up starts everything")
    elif emulator.is_healthy():
        yield passed("emulator", f"{settings.emulator_url} answers")
    else:
        yield failed(
            "emulator",
            f"{settings.emulator_url} runs and does not answer",
            "imagesearch local down; imagesearch local up",
        )
