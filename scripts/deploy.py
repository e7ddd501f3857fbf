"""Deploy an environment to AWS in the order that works: the data stack, the models it serves, the rest."""

import os
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import boto3

from scripts.artifact.package import PackagedModel, package_model
from scripts.artifact.publish import fetch, find_bucket, is_published, publish, read_lock, record, upload
from scripts.artifact.wheels import CONTAINER_PYTHON
from scripts.artifact.work import Report
from scripts.environments import app_context, deployed_settings
from scripts.errors import CommandError
from scripts.migration.status import IndexInUse, indices_in_use, require_served
from scripts.repository import ROOT, cdk_program, search_path
from stacks.model_lock import LockedModel, publish_command
from stacks.settings import Settings

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

STDERR_FILENO = 2


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

    Models that ``lock`` names and the artifact bucket holds are deployed as they are. What it lacks is taken
    from the environment that the settings name as ``models_from``; else it is packaged into ``output``,
    published, and written into ``lock``. Nothing takes the place of a locked model that makes other vectors,
    and with ``locked`` no other artifact at all (``model_not_locked``); a form that must be judged by
    pictures is not packaged here (``artifact_missing``). ``options`` go to ``cdk deploy``. Every step may be
    repeated: after a failure the same command goes on. Raises CommandError (``model_in_use``), when an index
    in use would lose its model, before anything is deployed.
    """
    settings = deployed_settings(environment)
    session = boto3.Session(region_name=region or settings.region)
    _require_served(indices_in_use(session, environment), settings, lock)
    context = app_context(settings, region=session.region_name, lock=lock)
    _cdk_deploy(f"{environment}/Data", (*context, *options))
    _Publishing(
        settings=settings, region=region, lock=lock, output=output, report=report, locked=locked
    ).run()
    _cdk_deploy(f"{environment}/*", (*context, *options))


def prepare(environment: str, *, region: str | None, lock: Path, output: Path, report: Report) -> None:
    """Bring what ``environment`` needs before somebody else deploys its models: a pipeline does.

    No index in use may lose its model, and the artifact bucket gets the artifacts that ``lock`` names and
    that it lacks, as with ``locked`` in ``deploy``. The lock stays as it is.
    """
    settings = deployed_settings(environment)
    session = boto3.Session(region_name=region or settings.region)
    _require_served(indices_in_use(session, environment), settings, lock)
    _Publishing(settings=settings, region=region, lock=lock, output=output, report=report, locked=True).run()


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


@dataclass(frozen=True, kw_only=True)
class _Publishing:
    """Bringing models into the artifact bucket of the environment of ``settings``, as ``deploy`` says."""

    settings: Settings
    region: str | None
    lock: Path
    output: Path
    report: Report
    locked: bool

    def run(self) -> None:
        place = self._place(self.settings)
        for name in self.settings.models:
            known = read_lock(self.lock).get(name)
            if known is None:
                self._package(name, None, place)
            elif not (place.holds(known) or self._take(known, place)):
                self._require_packable(name, known, place)
                self._package(name, known, place)

    def _take(self, model: LockedModel, place: "_Place") -> bool:
        """Whether the environment before this one had the artifact, so that it is here now, too."""
        if self.settings.models_from is None:
            return False
        try:
            source = self._place(deployed_settings(self.settings.models_from))
        except CommandError as error:
            if error.code != "data_stack_missing":
                raise
            return False
        if not source.holds(model):
            return False
        self.report(f"taking {model.digest[:12]} from {source.bucket} to {place.bucket}")
        self.output.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=self.output, prefix=".taking-") as scratch:
            artifact = Path(scratch) / "model.tar.gz"
            fetch(model, artifact, bucket=source.bucket, s3_client=source.s3)
            upload(artifact, model, bucket=place.bucket, s3_client=place.s3)
        return True

    def _package(self, name: str, known: LockedModel | None, place: "_Place") -> None:
        packaged = package_model(name, python=CONTAINER_PYTHON, output_dir=self.output, report=self.report)
        self._require_same(packaged, known)
        self.report(f"uploading {packaged.size / 1e6:.0f} MB to {place.bucket}")
        publish(packaged, bucket=place.bucket, s3_client=place.s3)
        if self.locked:
            return
        record(packaged, self.lock)
        if known is not None and known.digest != packaged.digest:
            self.report(
                f"{self.lock.name} names {packaged.digest[:12]} in place of {known.digest[:12]}: commit it"
            )

    def _require_packable(self, name: str, known: LockedModel, place: "_Place") -> None:
        if known.is_exact:
            return
        source = self.settings.models_from
        raise CommandError(
            "artifact_missing",
            f"{place.bucket} has no artifact {known.digest[:12]} of {name}"
            + (f", nor has that of {source}" if source else "")
            + f". {self.lock.name} names it as {known.form}, which is packaged only with pictures that judge "
            "it. Publish it, and commit the lock where it changes: "
            + publish_command(name, self.settings.name, known),
        )

    def _require_same(self, packaged: PackagedModel, known: LockedModel | None) -> None:
        if known is None and not self.locked:
            return
        if known is not None and _is_same(packaged, known, exactly=self.locked):
            return
        named = "nothing" if known is None else f"{known.digest[:12]} (vectors {known.short_fingerprint})"
        raise CommandError(
            "model_not_locked",
            f"{self.lock.name} names {named} for {packaged.name}, and packaged here it is "
            f"{packaged.digest[:12]} (vectors {packaged.fingerprint[:12]}). Write the lock and commit it: "
            f"{publish_command(packaged.name, self.settings.name, known)}",
        )

    def _place(self, settings: Settings) -> "_Place":
        session = boto3.Session(region_name=self.region or settings.region)
        bucket = find_bucket(settings.name, cloudformation=session.client("cloudformation"))
        return _Place(bucket=bucket, s3=session.client("s3"))


def _is_same(packaged: PackagedModel, known: LockedModel, *, exactly: bool) -> bool:
    """Whether it is the locked artifact, or, where not ``exactly`` that one, makes the same vectors."""
    if exactly:
        return packaged.digest == known.digest
    return packaged.fingerprint == known.fingerprint


@dataclass(frozen=True, kw_only=True)
class _Place:
    """The artifact bucket of an environment, and a client of its region."""

    bucket: str
    s3: "S3Client"

    def holds(self, model: LockedModel) -> bool:
        return is_published(model, bucket=self.bucket, s3_client=self.s3)


def _cdk_deploy(stacks: str, options: Sequence[str]) -> None:
    """``cdk deploy`` with the terminal's own input, as it may ask for approval.

    What it says, ARNs on its standard output included, is for people: an answer for programs stays clean.
    """
    command = [str(cdk_program()), "deploy", stacks, *options]
    finished = subprocess.run(
        command, cwd=ROOT, env={**os.environ, "PATH": search_path()}, stdout=STDERR_FILENO, check=False
    )
    if finished.returncode:
        raise CommandError(
            "cdk_failed",
            f"cdk deploy {stacks} failed with status {finished.returncode}: see its message above. When it "
            "is mended, run the same command again.",
        )
