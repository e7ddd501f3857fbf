"""A folder from which OpenSearch 2.19.1 with k-NN runs, assembled from artifacts of Maven Central.

The published distribution is not on Maven Central, its parts are. What a distribution adds to the parts is
written here: the module descriptors, the modules' security policies, and two folders that must exist. The
module ``analysis-common`` is left out: it needs locale data that pip's Java lacks, and no mapping uses its
analysers.
"""

import re
import shutil
import tempfile
import zipfile
from collections.abc import Sequence
from pathlib import Path

from scripts.local.artifacts import PinnedArtifact, Progress, fetch_all, no_progress, read_artifact_list
from scripts.local.settings import TOOLS

VERSION = "2.19.1"
ARTIFACT_LIST = Path(__file__).with_name("opensearch-artifacts.txt")

PERMISSIONS = {
    "transport-netty4": (
        'java.io.FilePermission "/proc/sys/net/core/somaxconn", "read"',
        'java.net.SocketPermission "*", "accept,connect,resolve"',
        'java.util.PropertyPermission "sun.nio.ch.bugLevel", "write"',
        # As in the distribution. Without it netty cannot start the thread that ends it: a stop takes 50 s.
        'java.lang.RuntimePermission "*"',
    ),
    "lang-painless": (
        'java.lang.RuntimePermission "createClassLoader"',
        'java.lang.RuntimePermission "getClassLoader"',
    ),
    "reindex": (
        'java.net.SocketPermission "*", "connect"',
        'java.net.NetPermission "getProxySelector"',
    ),
}


def assembled_home(on_progress: Progress = no_progress) -> Path:
    """The home under .tools, assembled where it is not there yet; ``on_progress`` is told (done, total)."""
    home = TOOLS / f"opensearch-{VERSION}"
    if not home.exists():
        artifacts = read_artifact_list(ARTIFACT_LIST)
        cache = TOOLS / "maven"
        fetch_all(artifacts, cache, on_progress=on_progress)
        assemble(artifacts, cache, home)
    return home


def assemble(artifacts: Sequence[PinnedArtifact], cache: Path, home: Path) -> None:
    """Lay the files of ``cache`` out as ``home``, which appears whole or not at all."""
    building = Path(tempfile.mkdtemp(prefix=f"{home.name}-", dir=home.parent))
    try:
        for artifact in artifacts:
            _place(cache / artifact.file_name, building / artifact.folder)
        for module in (building / "modules").iterdir():
            _describe(module)
        for required in ("bin", "extensions"):
            (building / required).mkdir()
        building.chmod(0o755)  # mkdtemp's 0700 would hide it from the user OpenSearch runs as
        building.rename(home)
    except BaseException:
        shutil.rmtree(building, ignore_errors=True)
        raise


def _place(file: Path, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    if file.suffix == ".zip":
        with zipfile.ZipFile(file) as archive:
            archive.extractall(folder)
    else:
        shutil.copyfile(file, folder / file.name)


def _describe(module: Path) -> None:
    """Write the descriptor and the policy that the distribution's build adds to a module."""
    descriptor = {
        "name": module.name,
        "description": module.name,
        "version": VERSION,
        "opensearch.version": VERSION,
        "java.version": "11",
        "classname": _plugin_class(module),
        "extended.plugins": "",
        "has.native.controller": "false",
    }
    lines = "".join(f"{key}={value}\n" for key, value in descriptor.items())
    (module / "plugin-descriptor.properties").write_text(lines)
    grants = "".join(f"  permission {permission};\n" for permission in PERMISSIONS.get(module.name, ()))
    if grants:
        (module / "plugin-security.policy").write_text(f"grant {{\n{grants}}};\n")


def _plugin_class(module: Path) -> str:
    pattern = re.compile(r"org/opensearch/.*/[A-Za-z0-9]+(?<!Extensible)Plugin\.class")
    own = (jar for jar in module.glob("*.jar") if VERSION in jar.name)
    names = [name for jar in own for name in zipfile.ZipFile(jar).namelist() if pattern.fullmatch(name)]
    if len(names) != 1:
        raise ValueError(f"{module.name} should hold one plugin class, but holds {names}")
    return names[0].removesuffix(".class").replace("/", ".")
