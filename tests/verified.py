"""The table "verified where", generated from test markers.

A test says ``@pytest.mark.verified("part", on="emulator")``: what it showed, and whether a local AWS
emulator or the genuine part was asked. Nothing here has been asked on AWS itself; what only AWS can show
stands below.
"""

from collections.abc import Iterable, Mapping
from typing import Literal

On = Literal["emulator", "genuine part", "stand-in"]
COLUMNS: tuple[On, ...] = ("emulator", "genuine part", "stand-in")
ONLY_ON_AWS = (
    "CloudFront: caching, compression, HTTP/2 and 3, TLS, and a domain of one's own",
    "CodeBuild: the build of the models' own image, and that SageMaker runs it",
    "Cognito: second factors, threat protection, and invitations by e-mail",
    "CodePipeline and GitHub Actions: the pipeline and the workflows (synthesized and linted, never run)",
    "IAM itself, and what the emulator does not enforce of it (docs/security.md)",
    "KMS: that the environment's own key opens what must be opened (its grants are synthesized and checked)",
    "OpenSearch Service: the managed domain, its access policy, and the engine `faiss`, quantised or not",
    "OpenSearch Service: that it knows functions by their IAM roles (its plugin was asked what these may)",
    "OpenSearch Service: snapshots in S3, by the domain's own role (here they lie in a folder)",
    "Quotas, instance types and leftovers of an account, as `doctor` and `destroy` find them (asked of moto)",
    "SageMaker: cold starts, scaling, and the limits of its own control plane",
    "Service quotas and payload limits beyond those that our own code enforces",
    "VPC: what its endpoints and security groups let through (they are synthesized and checked)",
    "WAF: what its managed rules block, and the label by which ours block the rest",
)
BLOCK = "verified-where"


def render(marks: Mapping[str, Iterable[On]]) -> str:
    """A Markdown table: a row for each part, sorted, with a tick where a test has asked it."""
    lines = [f"| What | {' | '.join(COLUMNS)} | AWS |", f"| --- |{' --- |' * len(COLUMNS)} --- |"]
    for part in sorted(marks):
        ticks = " | ".join("✓" if column in set(marks[part]) else "" for column in COLUMNS)
        lines.append(f"| {part} | {ticks} | |")
    lines += [f"| {part} |{' |' * len(COLUMNS)} not verified |" for part in ONLY_ON_AWS]
    return "\n".join(lines)
