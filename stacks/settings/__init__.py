"""What the environments differ in, nested by component: each stack gets its slice.

Everything is frozen and checked when it is made: an invalid value raises SettingsError when this package is
imported, so no synth and no test passes by it.
"""

from stacks.settings.checks import SettingsError
from stacks.settings.environment import Settings
from stacks.settings.environments import DEV, ENVIRONMENTS, LOCAL, ON_REQUEST, PROD, STAGING, VERIFY

__all__ = [
    "DEV",
    "ENVIRONMENTS",
    "LOCAL",
    "ON_REQUEST",
    "PROD",
    "STAGING",
    "VERIFY",
    "Settings",
    "SettingsError",
]
