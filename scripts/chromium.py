"""The browser that tests and benchmarks drive: a Chromium of this machine, else the one that npm brought.

``python -m scripts.chromium`` unpacks the latter into ``.tools/chromium``; ``make setup`` does so.
"""

import os
import platform
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from scripts.errors import CommandError
from scripts.repository import ROOT, search_path

if TYPE_CHECKING:
    from playwright.sync_api import Browser

VARIABLE = "IMAGESEARCH_CHROMIUM"
"""Names the browser to use instead of any that is found."""
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FOLDER = ROOT / ".tools" / "chromium"
PACKAGE = ROOT / "node_modules" / "@sparticuz" / "chromium"
ARCHIVES = ("chromium.br", "fonts.tar.br", "al2023.tar.br")
"""Of the package: the browser, fonts, and the libraries that a bare system lacks."""
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
"""It runs as root in a container, and asks nobody but the page under test."""
_UNPACK = """
import { inflate } from "@sparticuz/chromium";
for (const archive of process.argv.slice(1)) await inflate(archive);
"""


@dataclass(frozen=True, kw_only=True)
class Chromium:
    """A browser that starts, and the variables that it needs for that."""

    program: Path
    variables: Mapping[str, str] = field(default_factory=dict)


def find(variables: Mapping[str, str] = os.environ, *, folder: Path = FOLDER) -> Chromium:
    """The browser that IMAGESEARCH_CHROMIUM names, else one on PATH, else the one in ``folder``.

    Raises CommandError where there is none (``browser_missing``), or it does not start (``browser_broken``).
    """
    named = variables.get(VARIABLE)
    on_path = (shutil.which(name, path=variables.get("PATH")) for name in NAMES)
    found = named or next(filter(None, on_path), None)
    if found:
        return _tried(Chromium(program=Path(found)))
    if not (folder / "chromium").exists():
        raise CommandError(
            "browser_missing",
            "No Chromium is here: run make setup, or install one (Debian: apt-get install chromium) and name "
            f"it in {VARIABLE} if it is not on PATH.",
        )
    return _with_what_it_lacks(folder)


def unpack(*, package: Path = PACKAGE, folder: Path = FOLDER) -> bool:
    """Unpack npm's Chromium into ``folder``; False where it is for another processor than this machine's."""
    if platform.system() != "Linux" or platform.machine() != "x86_64":
        return False
    partial = folder.with_name(f"{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    archives = [str(package / "bin" / name) for name in ARCHIVES]
    subprocess.run(
        ["node", "--input-type=module", "--eval", _UNPACK, *archives],
        cwd=package.parents[2],
        env=os.environ | {"PATH": search_path(), "TMPDIR": str(partial)},
        check=True,
    )
    shutil.rmtree(folder, ignore_errors=True)
    partial.rename(folder)
    return True


@contextmanager
def browser() -> Iterator["Browser"]:
    """The browser, running without a screen until the block ends."""
    from playwright.sync_api import sync_playwright

    found = find()
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(
            executable_path=found.program, args=list(FLAGS), env={**os.environ, **found.variables}
        )
        try:
            yield running
        finally:
            running.close()


def _with_what_it_lacks(folder: Path) -> Chromium:
    """The unpacked browser, with the package's fonts and libraries where the system has none."""
    fonts = {} if Path("/etc/fonts/fonts.conf").exists() else {"FONTCONFIG_PATH": str(folder / "fonts")}
    plain = Chromium(program=folder / "chromium", variables=fonts)
    if _complaint(plain) is None:
        return plain
    libraries = {"LD_LIBRARY_PATH": str(folder / "al2023" / "lib")}
    return _tried(Chromium(program=plain.program, variables={**fonts, **libraries}))


def _tried(chromium: Chromium) -> Chromium:
    complaint = _complaint(chromium)
    if complaint is not None:
        raise CommandError(
            "browser_broken",
            f"{chromium.program} does not start: {complaint} Name another one in {VARIABLE}.",
        )
    return chromium


def _complaint(chromium: Chromium) -> str | None:
    """What the browser says when it does not start."""
    try:
        done = subprocess.run(
            [chromium.program, "--no-sandbox", "--version"],
            env={**os.environ, **chromium.variables},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    except OSError as error:
        return f"{error.strerror}."
    return None if done.returncode == 0 else done.stderr.strip()


if __name__ == "__main__":
    unpack()
