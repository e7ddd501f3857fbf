"""The doctor beside a running environment, and beside a port that somebody else holds."""

import json
import socket
from dataclasses import replace
from pathlib import Path

import pytest

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


def test_a_port_that_somebody_holds_is_told_with_another_one(imagesearch: Command, tmp_path: Path) -> None:
    ports = free_ports(3)
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", ports[0]))
        holder.listen()
        variables = {
            **imagesearch.variables,
            "IMAGESEARCH_LOCAL_DIR": str(tmp_path),
            "IMAGESEARCH_OPENSEARCH_PORT": str(ports[0]),
            "IMAGESEARCH_EMULATOR_PORT": str(ports[1]),
            "IMAGESEARCH_MODEL_SERVER_PORT": str(ports[2]),
        }
        examined = replace(imagesearch, variables=variables)("doctor")
    assert examined.returncode == 1
    assert f"Port {ports[0]}, which OpenSearch needs, is held by" in examined.stdout
    assert "→ export IMAGESEARCH_OPENSEARCH_PORT=" in examined.stdout
