"""Deploy an environment to AWS in the order that works: the data stack, the models it serves, the rest."""

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

import boto3

from scripts.artifact.package import PackagedModel, package_model
from scripts.artifact.publish import find_bucket, is_published, publish, read_lock, record
from scripts.artifact.wheels import CONTAINER_PYTHON
from scripts.artifact.work import Report
from scripts.environments import deployed_settings
from scripts.errors import CommandError
from scripts.migration.status import IndexInUse, indices_in_use, require_served
from scripts.repository import ROOT, cdk_program, search_path
from stacks.model_lock import LockedModel
from stacks.settings import Settings


def deploy(
    environment: str,
    *,
    region: str | None,
    lock: Path,
    output: Path,
    options: Sequence[str],
    report: Report,
    locked: bool = False,
) -> None:
    """Deploy ``environment`` with the ambient credentials, into ``region`` or that of its settings.

    Models that ``lock`` names and the artifact bucket holds are deployed as they are; the others are
    packaged into ``output``, published, and written into ``lock``. With ``locked`` nothing but what the lock
    names is deployed: another artifact is refused (``model_not_locked``). ``options`` go to ``cdk deploy``.
    Every step may be repeated: after a failure the same command goes on. Raises CommandError
    (``model_in_use``), when an index in use would lose its model, before the model's endpoint is touched.
    """
    settings = deployed_settings(environment)
    session = boto3.Session(region_name=region or settings.region)
    in_use = indices_in_use(session, environment)
    _require_served(in_use, settings, lock)
    context = ("--context", f"region={session.region_name}", "--context", f"model_lock={lock.absolute()}")
    _cdk_deploy(f"{environment}/Data", (*context, *options))
    for model in settings.models:
        _ensure_published(
            model, settings, lock=lock, output=output, session=session, report=report, locked=locked
        )
    # Packaged anew, a model may make other vectors than those that the lock named before.
    _require_served(in_use, settings, lock)
    _cdk_deploy(f"{environment}/*", (*context, *options))


def prepare(environment: str, *, region: str | None, lock: Path, output: Path, report: Report) -> None:
    """Bring what ``environment`` needs before somebody else deploys its models: a pipeline does.

    No index in use may lose its model, and the artifact bucket gets the artifacts that ``lock`` names and
    that it lacks, as with ``locked`` in ``deploy``. The lock stays as it is.
    """
    settings = deployed_settings(environment)
    session = boto3.Session(region_name=region or settings.region)
    _require_served(indices_in_use(session, environment), settings, lock)
    for model in settings.models:
        _ensure_published(
            model, settings, lock=lock, output=output, session=session, report=report, locked=True
        )


def _require_served(indices: Sequence[IndexInUse], settings: Settings, lock: Path) -> None:
    """Refuse to end the endpoint of a model that the settings no longer list while an index needs it."""
    known = read_lock(lock)
    listed = [known.get(model) for model in settings.models]
    require_served(
        indices,
        fingerprints={model.fingerprint for model in listed if model is not None},
        lock=known,
        remedy=f"List it among the models of {settings.name} in stacks/settings/environments.py, under its "
        f"name in {lock.name}; or finish the migration first: imagesearch migrate --finish.",
    )


def _ensure_published(
    model: str,
    settings: Settings,
    *,
    lock: Path,
    output: Path,
    session: boto3.Session,
    report: Report,
    locked: bool,
) -> None:
    bucket = find_bucket(settings.name, cloudformation=session.client("cloudformation"))
    s3 = session.client("s3")
    known = read_lock(lock).get(model)
    if known is not None and is_published(known, bucket=bucket, s3_client=s3):
        return
    packaged = package_model(model, python=CONTAINER_PYTHON, output_dir=output, report=report)
    if locked:
        _require_locked(packaged, known, lock=lock, environment=settings.name)
    report(f"uploading {packaged.size / 1e6:.0f} MB to {bucket}")
    publish(packaged, bucket=bucket, s3_client=s3)
    if not locked:
        record(packaged, lock)


def _require_locked(
    packaged: PackagedModel, known: LockedModel | None, *, lock: Path, environment: str
) -> None:
    if known is not None and known.digest == packaged.digest:
        return
    named = "nothing" if known is None else known.digest[:12]
    raise CommandError(
        "model_not_locked",
        f"{lock.name} names {named} for {packaged.name}, and packaged here it is {packaged.digest[:12]}. "
        "Write the lock and commit it: "
        f"imagesearch publish-model --model {packaged.name} --env {environment}",
    )


def _cdk_deploy(stacks: str, options: Sequence[str]) -> None:
    """``cdk deploy`` with the terminal's own input and output: it may ask for approval."""
    command = [str(cdk_program()), "deploy", stacks, *options]
    finished = subprocess.run(command, cwd=ROOT, env={**os.environ, "PATH": search_path()}, check=False)
    if finished.returncode:
        raise CommandError(
            "cdk_failed",
            f"cdk deploy {stacks} failed with status {finished.returncode}: see its message above. When it "
            "is mended, run the same command again.",
        )
