"""Who may do what inside of the search domain, where it asks for more than IAM's leave."""

from dataclasses import dataclass
from typing import Literal

Access = Literal["search", "write", "administer", "backup"]
"""What one may do with the indices: search them, write documents too, make and remove them, copy them."""


@dataclass(frozen=True, kw_only=True)
class Admission:
    """One who may: the `name` of a role in the domain, and the ARN of the IAM role that has it."""

    name: str
    access: Access
    principal: str
