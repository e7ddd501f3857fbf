"""The doctor beside a running environment, and beside a port that somebody else holds."""

import json
import re
import socket
from dataclasses import replace
from pathlib import Path

import pytest

from scripts.local.settings import LocalSettings
from scripts.target import Target
from tests.e2e.command import Command
from tests.ports import free_ports


@pytest.mark.verified("Doctor: what the environment on this machine needs", on="emulator")
def test_nothing_ails_a_running_environment(imagesearch: Command, deployment: Target) -> None:
    examined = imagesearch("doctor", "--json")
    found = json.loads(examined.stdout)
    failed = [finding for finding in found if finding["state"] not in ("passed", "warned")]
    assert (examined.returncode, failed) == (0, [])
    told = {finding["check"]: finding["message"] for finding in found}
    assert told["opensearch"].endswith(("is green", "is yellow"))
    assert told["emulator"] == f"{deployment.aws_endpoint_url} answers"
    assert all(finding["mend"] for finding in found if finding["state"] == "warned")


PARTS = {"OPENSEARCH": "OpenSearch", "EMULATOR": "the emulator", "MODEL_SERVER": "the model server"}


@pytest.mark.parametrize("held", PARTS)
def test_a_port_that_somebody_holds_is_told_with_another_one(
    imagesearch: Command, tmp_path: Path, held: str
) -> None:
    ports = dict(zip(PARTS, free_ports(len(PARTS)), strict=True))
    variables = {f"IMAGESEARCH_{part}_PORT": str(port) for part, port in ports.items()}
    doctor = replace(
        imagesearch,
        variables={**imagesearch.variables, **variables, "IMAGESEARCH_LOCAL_DIR": str(tmp_path)},
    )
    with socket.create_server(("127.0.0.1", ports[held])):
        examined = doctor("doctor")
    assert examined.returncode == 1
    assert f"Port {ports[held]}, which {PARTS[held]} needs, is held by" in examined.stdout
    told = re.search(rf"→ export (IMAGESEARCH_{held}_PORT)=(\d+)", examined.stdout)
    assert told
    LocalSettings.from_environment({told[1]: told[2]})  # which refuses what cannot be used
