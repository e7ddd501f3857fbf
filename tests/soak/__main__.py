"""Run the soak: `python -m tests.soak --minutes 30`, which is `make soak`.

It deploys an environment of its own, breaks something every minute while pictures are written and searched,
and writes what it saw. Exit status: 0 every promise was kept, 1 one was broken or the run was cut short.
"""

import argparse
import os
import secrets
import signal
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.machine import about
from tests.soak import record
from tests.soak.run import Soak
from tests.soak.site import opened


def options_of(arguments: Sequence[str], variables: Mapping[str, str]) -> argparse.Namespace:
    """What is asked of the soak; ends the program where that would show nothing."""
    parser = argparse.ArgumentParser(prog="make soak")
    parser.add_argument("--minutes", type=float, default=30.0, help="for how long; a fault each")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(10**6), help="of faults and requests")
    parser.add_argument("--report", type=Path, default=record.RESULTS, help="where to write what was seen")
    options = parser.parse_args(arguments)
    if options.minutes < 1:
        parser.error("--minutes must be at least 1: there is a fault each minute, and none before")
    if "OPENSEARCH_URL" in variables:
        parser.error("OPENSEARCH_URL is set: unset it, so that the soak has an OpenSearch that it may kill")
    return options


def main() -> int:
    """Soak, and tell what came of it."""
    options = options_of(sys.argv[1:], os.environ)
    for number in (signal.SIGINT, signal.SIGTERM):
        # Shells let what they start in the background ignore interrupts.
        signal.signal(number, signal.default_int_handler)
    say(f"Seed {options.seed}; {options.minutes:g} minutes.")
    machine = about()
    with (
        tempfile.TemporaryDirectory(prefix="imagesearch-soak-") as directory,
        opened(Path(directory), threading.Event()) as site,
    ):
        seen = Soak(site, seed=options.seed, minutes=options.minutes, say=say).run(about=machine)
    record.write(seen, options.report)
    for name, count in seen["promises"].items():
        say(f"{count:4}  {name}")
    for trouble in (*seen["wrong"], *seen["broken"]):
        say(f"      {trouble}")
    say(f"{'Every promise was kept' if seen['is_kept'] else 'A promise was broken'}: {options.report}")
    return 0 if seen["is_kept"] else 1


def say(line: str) -> None:
    """Tell how it goes, at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
