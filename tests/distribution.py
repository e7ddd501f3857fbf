"""Which tests share a process where several run side by side (``pytest -n 2``): those of one environment."""

from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]

TOGETHER = ("tests/contract", "tests/e2e", "tests/page")
"""Folders whose files share something that takes long to start."""
APART = frozenset(
    f"tests/e2e/test_{name}.py" for name in ("destroy", "failed_deploy", "migration", "sign_in", "verify_aws")
)
"""Files that deploy an environment of their own, and do not need the folder's."""


class ByEnvironment(LoadScopeScheduling):  # type: ignore[misc]
    """Gives each process files, or a whole folder of TOGETHER, in their order: fast ones come last."""

    def _split_scope(self, nodeid: str) -> str:
        return unit_of(nodeid)


def unit_of(nodeid: str) -> str:
    """The folder or the file that a test is run with."""
    file = nodeid.partition("::")[0]
    folder = file.rpartition("/")[0]
    return folder if folder in TOGETHER and file not in APART else file
