"""A real OpenSearch with the security plugin, which decides who may do what as a managed domain does.

Who asks is said by a header, as a backend role, instead of by a signature: the plugin itself knows no IAM.
Roles and who has them are the plugin's, and so is every refusal.
"""

import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from shutil import copytree, rmtree
from zipfile import ZipFile

import httpx
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID
from opensearchpy import OpenSearch
from requests import PreparedRequest
from requests.auth import AuthBase

from imagesearch.adapters.opensearch_client import opensearch_client
from scripts.local.artifacts import PinnedArtifact, fetch_all
from scripts.local.java import java_home
from scripts.local.opensearch import LOGGING, START_SECONDS, java_command
from scripts.local.opensearch_home import assembled_home
from scripts.local.ports import LOOPBACK
from scripts.local.settings import TOOLS
from scripts.local.unprivileged import give_to, readable_copy, service_user
from scripts.local.waiting import wait_until
from tests.ports import free_ports

PLUGIN = PinnedArtifact(
    folder="plugins/opensearch-security",
    group="org.opensearch.plugin",
    artifact="opensearch-security",
    version="2.19.1.0",
    extension="zip",
    sha256="94a04f12ac6033902209fac1e4e512618d45beee604bbf0e42c3ed79c55220cf",
)
RULER = "arn:aws:iam::123456789012:role/setup"
"""Who may say from the beginning who may do what."""

_CONFIGURATION = """\
cluster.name: imagesearch-secured
discovery.type: single-node
network.host: {host}
http.port: {port}
transport.port: {transport}
path.data: {run}/data
path.logs: {run}/logs
path.repo: {run}/snapshots
action.auto_create_index: false
cluster.routing.allocation.disk.threshold_enabled: false
plugins.security.ssl.transport.pemcert_filepath: node.pem
plugins.security.ssl.transport.pemkey_filepath: node-key.pem
plugins.security.ssl.transport.pemtrustedcas_filepath: node.pem
plugins.security.ssl.transport.enforce_hostname_verification: false
plugins.security.ssl.http.enabled: false
plugins.security.nodes_dn: ["CN=node"]
plugins.security.allow_default_init_securityindex: true
plugins.security.restapi.roles_enabled: ["all_access"]
"""
_BY_HEADER = """\
_meta: {type: config, config_version: 2}
config:
  dynamic:
    http:
      anonymous_auth_enabled: false
      xff: {enabled: true, internalProxies: '.*', remoteIpHeader: x-forwarded-for}
    authc:
      header:
        http_enabled: true
        order: 0
        http_authenticator:
          type: proxy
          challenge: false
          config: {user_header: x-proxy-user, roles_header: x-proxy-roles}
        authentication_backend: {type: noop}
"""
# The plugin begins with these and, as the domain does, with one role that has another.
_EMPTY = {
    "internal_users": "internalusers",
    "roles": "roles",
    "tenants": "tenants",
    "nodes_dn": "nodesdn",
    "action_groups": "actiongroups",
    "audit": "audit",
    "allowlist": "allowlist",
    "whitelist": "whitelist",
}


class _Asking(AuthBase):
    def __init__(self, principal: str) -> None:
        self._principal = principal

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        said = {"x-proxy-user": "function", "x-proxy-roles": self._principal, "x-forwarded-for": LOOPBACK}
        request.headers.update(said)
        return request


@dataclass(frozen=True)
class SecuredOpenSearch:
    """The running server, where snapshots may lie below its own folder."""

    url: str

    def client(self, principal: str) -> OpenSearch:
        """A client that asks as the application's does, for this principal."""
        asking: object = _Asking(principal)
        return opensearch_client(endpoint=self.url, engine="lucene", auth=asking)


@contextmanager
def secured_opensearch() -> Iterator[SecuredOpenSearch]:
    """Run one until the block ends; nothing of it stays."""
    user = service_user()
    folder = Path(tempfile.mkdtemp(prefix="imagesearch-secured-"))
    try:
        folder.chmod(0o755)
        home, run = _home(folder), folder / "run"
        port, transport = free_ports(2)
        _configure(run, port=port, transport=transport)
        if user is not None:
            give_to(run, user)
        server = SecuredOpenSearch(f"http://{LOOPBACK}:{port}")
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(
                java_command(readable_copy(java_home(), user), home, run),
                env={"PATH": os.environ["PATH"], "HOME": str(run)},
                cwd=run,
                user=user,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        try:
            _await(server, process, folder / "log")
            yield server
        finally:
            process.kill()
            process.wait()
    finally:
        rmtree(folder)


def fetched_plugin() -> Path:
    """The plugin, fetched where it is not there yet."""
    cache = TOOLS / "maven"
    fetch_all([PLUGIN], cache)
    return cache / PLUGIN.file_name


def _home(folder: Path) -> Path:
    home = copytree(assembled_home(), folder / "home")
    with ZipFile(fetched_plugin()) as archive:
        archive.extractall(home / PLUGIN.folder)
    return home


def _configure(run: Path, *, port: int, transport: int) -> None:
    for name in ("config/opensearch-security", "data", "logs", "snapshots", "tmp"):
        (run / name).mkdir(parents=True)
    settings = _CONFIGURATION.format(host=LOOPBACK, port=port, transport=transport, run=run)
    (run / "config" / "opensearch.yml").write_text(settings)
    (run / "config" / "log4j2.properties").write_text(LOGGING)
    _write_certificate(run / "config")
    security = run / "config" / "opensearch-security"
    (security / "config.yml").write_text(_BY_HEADER)
    for name, kind in _EMPTY.items():
        (security / f"{name}.yml").write_text(f"_meta: {{type: {kind}, config_version: 2}}\n")
    for name in ("audit", "allowlist", "whitelist"):
        with (security / f"{name}.yml").open("a") as file:
            file.write("config: {enabled: false}\n")
    (security / "roles_mapping.yml").write_text(
        f"_meta: {{type: rolesmapping, config_version: 2}}\nall_access: {{backend_roles: ['{RULER}']}}\n"
    )


def _write_certificate(folder: Path) -> None:
    """What nodes prove themselves to each other with; here is only one, but the plugin asks for it."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "node")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    (folder / "node.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (folder / "node-key.pem").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )


def _await(server: SecuredOpenSearch, process: "subprocess.Popen[bytes]", log: Path) -> None:
    headers = {"x-proxy-user": "setup", "x-proxy-roles": RULER, "x-forwarded-for": LOOPBACK}

    def settled() -> bool:
        if process.poll() is not None:
            return True
        try:
            return httpx.get(f"{server.url}/_cluster/health", headers=headers, trust_env=False).is_success
        except httpx.HTTPError:
            return False

    ready = wait_until(settled, seconds=START_SECONDS)
    if not ready or process.poll() is not None:
        raise RuntimeError(f"OpenSearch with its security plugin did not start:\n{log.read_text()[-4000:]}")


if __name__ == "__main__":
    fetched_plugin()
