"""Run in namespaces of its own: lay the image's file system out, and become the process that it starts.

Needs root and the standard library; ``sys.argv[1]`` is what ``container.py`` wants, as JSON. Nothing of it is
left when the process ends: every mount belongs to its namespace.
"""

import ctypes
import fcntl
import json
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

SIOCSIFFLAGS, IFF_UP = 0x8914, 0x1
PR_SET_PDEATHSIG = 1
USR_LINKS = ("bin", "sbin", "lib", "lib32", "lib64")


def main() -> None:
    """Lay out, give up root, start."""
    wanted: dict[str, Any] = json.loads(sys.argv[1])
    root = Path(wanted["root"])
    _bring_loopback_up()
    _mount("-t", "tmpfs", "-o", "mode=0755", "tmpfs", root)
    _base(root)
    _installed(root, wanted)
    for source, folder in wanted["copies"]:
        (root / folder.strip("/")).mkdir(parents=True, exist_ok=True)
        shutil.copy(source, root / folder.strip("/"))
    _bind(Path(wanted["model"]), root / "opt/ml/model")
    # From here on only temporary files can be written.
    _mount("-o", "remount,ro", root)
    _mount("-t", "tmpfs", "-o", "mode=1777", "tmpfs", root / "tmp")
    _start(root, wanted)


def _base(root: Path) -> None:
    """The base image, for which this machine's own system stands in, without what was added to it."""
    for name in ("usr", "etc", "dev"):
        _bind(Path("/", name), root / name)
    for name in USR_LINKS:
        if Path("/", name).is_symlink():
            (root / name).symlink_to(f"usr/{name}")
        elif Path("/", name).is_dir():
            _bind(Path("/", name), root / name)
    _mount("-t", "tmpfs", "-o", "mode=0755", "tmpfs", root / "usr/local")
    for name in ("proc", "tmp"):
        (root / name).mkdir()
    _mount("-t", "proc", "proc", root / "proc")


def _installed(root: Path, wanted: dict[str, Any]) -> None:
    """What the image's commands install: Java, and the requirements in a Python at /usr/local."""
    home, local = Path(wanted["python_home"]), root / "usr/local"
    if not home.is_relative_to("/usr") or home.is_relative_to("/usr/local"):
        _bind(home, root / home.relative_to("/"))
    (local / "bin").mkdir()
    (local / "pyvenv.cfg").write_text(f"home = {home}/bin\ninclude-system-site-packages = false\n")
    (local / "bin/python3").symlink_to(home / "bin/python3")
    packages = Path(wanted["packages"])
    _bind(packages, local / "lib" / packages.parent.name / "site-packages")
    server = local / "bin/multi-model-server"
    server.write_text("#!/usr/local/bin/python3\nfrom mms.model_server import start\nstart()\n")
    server.chmod(0o755)
    _bind(Path(wanted["java_home"]), local / "lib/java")
    (local / "bin/java").symlink_to("../lib/java/bin/java")


def _start(root: Path, wanted: dict[str, Any]) -> None:
    os.chroot(root)
    os.chdir(wanted["working_directory"])
    os.setgroups([])
    os.setgid(wanted["group"])
    os.setuid(wanted["user"])
    # Another user's process loses the order to end with its parent, which `unshare --kill-child` gave it.
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    os.execvpe(wanted["command"][0], wanted["command"], wanted["environment"])  # noqa: S606


def _bring_loopback_up() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", IFF_UP))


def _bind(source: Path, target: Path) -> None:
    target.mkdir(parents=True, exist_ok=True)
    _mount("--bind", source, target)
    if source != Path("/dev"):
        _mount("-o", "remount,bind,ro", target)


def _mount(*arguments: str | Path) -> None:
    subprocess.run(["mount", *arguments], check=True)


if __name__ == "__main__":
    main()
