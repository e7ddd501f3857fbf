"""The environments that commands can name."""

from pathlib import Path

from scripts.errors import CommandError
from stacks.settings import ENVIRONMENTS, ON_REQUEST, Settings


def deployed_settings(environment: str) -> Settings:
    """The settings of an environment that lives in AWS. Raises CommandError (``environment_unknown``)."""
    deployable = {name: one for name, one in ENVIRONMENTS.items() if not one.domain.emulated}
    known = {**deployable, **ON_REQUEST}
    if environment not in known:
        raise CommandError(
            "environment_unknown",
            f"{environment} is not deployed to AWS. Name one of {', '.join(deployable)}; this machine's own "
            "environment is brought up by: imagesearch local up.",
        )
    return known[environment]


def app_context(settings: Settings, *, region: str, lock: Path) -> tuple[str, ...]:
    """The options of `cdk` that build ``settings`` in ``region`` with the models of ``lock``."""
    return (
        *("--context", f"region={region}"),
        *("--context", f"model_lock={lock.absolute()}"),
        *_requested(settings.name),
    )


def data_command(environment: str) -> str:
    """The command that deploys the stack with the artifact bucket, for which no model is needed."""
    return " ".join(("npx cdk deploy", f"{environment}/Data", *_requested(environment)))


def _requested(environment: str) -> tuple[str, ...]:
    return ("--context", f"environment={environment}") if environment in ON_REQUEST else ()
