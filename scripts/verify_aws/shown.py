"""What only AWS can show, as the README lists it, and which steps of a trial show how much of it."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Shown:
    """What the ``steps`` show together of one line of the README; ``rest`` is what they leave open."""

    steps: tuple[str, ...]
    what: str
    rest: str = ""


SHOWN: Mapping[str, Shown] = {
    "IAM itself, and what the emulator does not enforce of it (docs/security.md)": Shown(
        steps=("deploy", "smoke", "bulk", "finish", "back up"),
        what="every role may do what this trial asked of it",
        rest="what roles may not do was not tried",
    ),
    "OpenSearch Service: the managed domain, its access policy, and the engine `faiss`, "
    "quantised or not": Shown(
        steps=("deploy", "bulk", "search by picture", "finish"),
        what="the managed domain, its access policy, and `faiss` with vectors as they are",
        rest="quantised vectors",
    ),
    "OpenSearch Service: snapshots in S3, by the domain's own role (here they lie in a folder)": Shown(
        steps=("back up",), what="a snapshot was taken", rest="restoring one"
    ),
    "Quotas, instance types and leftovers of an account, as `doctor` and `destroy` find them "
    "(asked of moto)": Shown(
        steps=("doctor", "deploy", "destroy"),
        what="those of the smallest profile, in this account and region",
    ),
    "SageMaker: cold starts, scaling, and the limits of its own control plane": Shown(
        steps=("deploy", "smoke", "bulk", "migrate"),
        what="serverless endpoints, their cold start, and transform jobs",
        rest="scaling, endpoints on instances, and limits that so few pictures do not reach",
    ),
}
"""By the line of the README."""


def shown_by(passed: Collection[str]) -> dict[str, Shown]:
    """The lines of which every step is among those that ``passed``."""
    return {line: shown for line, shown in SHOWN.items() if set(shown.steps) <= set(passed)}
