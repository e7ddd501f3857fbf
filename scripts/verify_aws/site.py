"""Where a trial takes place: in an account of AWS, or dry, on this machine's emulator."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from scripts.aws_errors import aws_errors
from scripts.errors import CommandError
from scripts.local.settings import ACCOUNT, REGION
from scripts.outputs import stack_outputs
from scripts.smoke.place import variables_of
from scripts.stack_outputs import LOCAL, Account, account_of
from stacks.settings import VERIFY, Settings

PORTS = frozenset(f"IMAGESEARCH_{part}_PORT" for part in ("EMULATOR", "OPENSEARCH", "MODEL_SERVER", "WEB"))

LOCK = "model.lock"
"""What a trial's own models are recorded in: the repository's lock stays as it is."""


@dataclass(frozen=True, kw_only=True)
class Site:
    """An environment that stands for as long as a trial takes, and how the command line speaks of it.

    ``named`` and ``option`` are how commands take its name. ``settings`` are what prices are reckoned from.
    ``variables`` are those of its commands, ``addresses`` those that say where it is once it is deployed.
    """

    environment: str
    region: str
    account: str
    is_dry: bool
    settings: Settings
    named: tuple[str, ...]
    option: tuple[str, ...]
    deploying: tuple[str, ...]
    destroying: tuple[str, ...]
    variables: Mapping[str, str]
    addresses: Callable[[], Mapping[str, str]]


def in_aws(region: str | None, *, folder: Path) -> Site:
    """The site in the account of the ambient credentials. Raises CommandError (``aws_unreachable`` …)."""
    account = account_of(VERIFY.name, region)
    where = str(account.session.region_name)
    place = ("--region", where)
    return Site(
        environment=VERIFY.name,
        region=where,
        account=_caller(account),
        is_dry=False,
        settings=VERIFY,
        named=(VERIFY.name, *place),
        option=("--env", VERIFY.name, *place),
        deploying=("imagesearch", "deploy", VERIFY.name, *place, "--require-approval", "never"),
        destroying=("imagesearch", "destroy", VERIFY.name, *place, "--yes"),
        variables={
            **_ours(),
            "AWS_REGION": where,
            "AWS_DEFAULT_REGION": where,
            "IMAGESEARCH_MODEL_LOCK": str(folder / LOCK),
        },
        addresses=lambda: variables_of(VERIFY.name, region=where),
    )


def on_this_machine(*, folder: Path) -> Site:
    """A site on the emulator with a state of its own below ``folder``: another environment stays as it is."""
    models = (word for model in VERIFY.models for word in ("--model", model))
    return Site(
        environment=LOCAL,
        region=REGION,
        account=ACCOUNT,
        is_dry=True,
        settings=VERIFY,
        named=(),
        option=(),
        deploying=("imagesearch", "local", "up", *models),
        destroying=("imagesearch", "destroy", LOCAL, "--stacks"),
        variables={**_ours(), "IMAGESEARCH_LOCAL_DIR": str(folder / "local")},
        addresses=dict,
    )


def require_nothing_stands(site: Site) -> None:
    """Refuse an environment that another trial has left: what it costs is in nobody's record.

    Raises CommandError (``trial_unknown``).
    """
    if site.is_dry:
        return
    cloudformation = account_of(site.environment, site.region).client("cloudformation")
    if stack_outputs(f"{site.environment}-Data", cloudformation=cloudformation) is not None:
        raise CommandError(
            "trial_unknown",
            f"The environment {site.environment} stands in {site.region} already, and no record here tells "
            f"of it. Go on in the folder where it was begun (--folder), or remove it: "
            f"{' '.join(site.destroying)}",
        )


def _caller(account: Account) -> str:
    with aws_errors():
        return str(account.client("sts").get_caller_identity()["Account"])


def _ours() -> dict[str, str]:
    """This terminal's variables without those that name another deployment."""
    return {
        name: text
        for name, text in os.environ.items()
        if not name.startswith("IMAGESEARCH_") or name in PORTS
    }
