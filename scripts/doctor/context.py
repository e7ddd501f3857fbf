"""What checks of an environment in AWS ask, and with what."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from botocore.config import Config

from scripts.stack_outputs import Account
from stacks.settings import Settings

BRIEFLY = Config(connect_timeout=5, read_timeout=20, retries={"total_max_attempts": 3, "mode": "standard"})


@dataclass(frozen=True, kw_only=True)
class Context:
    """An environment that is to be deployed: settings, account, region and the file of published models."""

    settings: Settings
    account: Account
    lock: Path

    @property
    def region(self) -> str:
        """Where it is to be deployed."""
        return self.settings.region

    @property
    def name(self) -> str:
        """What its settings call it."""
        return self.settings.name

    def client(self, service: str) -> Any:
        """A client that does not wait for long."""
        return self.account.client(service, config=BRIEFLY)

    def edit(self, setting: str) -> str:
        """What to change in the settings."""
        place = f"{self.name.upper()} in stacks/settings/environments.py"
        return f"set {setting} of {place}, then: imagesearch deploy {self.name}"
