"""The environments that commands can name."""

from scripts.errors import CommandError
from stacks.settings import ENVIRONMENTS, Settings


def deployed_settings(environment: str) -> Settings:
    """The settings of an environment that lives in AWS. Raises CommandError (``environment_unknown``)."""
    deployable = {name: one for name, one in ENVIRONMENTS.items() if not one.domain.emulated}
    if environment not in deployable:
        raise CommandError(
            "environment_unknown",
            f"{environment} is not deployed to AWS. Name one of {', '.join(deployable)}; this machine's own "
            "environment is brought up by: imagesearch local up.",
        )
    return deployable[environment]
