"""The commands `package-model` and `publish-model`."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TransferSpeedColumn

from clip_inference.config import Precision, Runtime
from scripts.artifact.catalogue import CATALOGUE
from scripts.artifact.forms import Form
from scripts.artifact.wheels import CONTAINER_PLATFORM, CONTAINER_PYTHON
from scripts.artifact.work import BUILD
from scripts.environments import deployed_settings
from scripts.repository import ROOT

# Packaging and boto3 are imported by the commands that use them: together they take a second, which every
# other command would wait for.
if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

    from scripts.artifact.package import PackagedModel

OUTPUT = BUILD / "models"
LOCK = Path(os.environ.get("IMAGESEARCH_MODEL_LOCK", ROOT / "model.lock"))
"""What is published; a run that must leave the repository as it is names another file."""

Model = Annotated[str, typer.Option(help=f"The model: {', '.join(sorted(CATALOGUE))}.")]
Python = Annotated[str, typer.Option(help="The Python that the wheels are for; the container's by default.")]
Platform = Annotated[
    str, typer.Option(help="The platform that the wheels are for, such as aarch64-manylinux_2_28.")
]
Source = Annotated[
    Path | None, typer.Option("--from", help="A folder in the hub's layout to take the model from.")
]
Revision = Annotated[
    str | None, typer.Option(help="Another commit or branch of the model's repository than the pinned one.")
]
RunsOn = Annotated[
    Runtime, typer.Option("--runtime", help="What computes the towers; openvino must pass a gate.")
]
Numbers = Annotated[
    Precision, typer.Option("--precision", help="The towers' numbers; another than fp32 must pass a gate.")
]
Pictures = Annotated[
    Path | None, typer.Option(help="A folder of pictures that judges another form than fp32 on onnxruntime.")
]
Output = Annotated[Path, typer.Option(help="The folder that keeps finished artifacts.")]

console = Console(stderr=True)


def package_model(
    model: Model = "clip-vit-b-32",
    python: Python = CONTAINER_PYTHON,
    platform: Platform = CONTAINER_PLATFORM,
    source: Source = None,
    revision: Revision = None,
    runtime: RunsOn = "onnxruntime",
    precision: Numbers = "fp32",
    pictures: Pictures = None,
    output: Output = OUTPUT,
) -> None:
    """Make model.tar.gz of a model: towers, tokenizer, handler and dependencies; nothing is fetched later."""
    from scripts.artifact import package

    with console.status("packaging") as status:
        packaged = package.package_model(
            model,
            python=python,
            platform_tag=platform,
            output_dir=output,
            source=source,
            revision=revision,
            form=Form(runtime=runtime, precision=precision),
            pictures=pictures,
            report=status.update,
        )
    _show(packaged)


def publish_model(
    model: Model = "clip-vit-b-32",
    env: Annotated[str, typer.Option(help="The environment whose artifact bucket is meant.")] = "dev",
    bucket: Annotated[str | None, typer.Option(help="The bucket; else that of the environment.")] = None,
    region: Annotated[str | None, typer.Option(help="Another region than the environment's.")] = None,
    python: Python = CONTAINER_PYTHON,
    platform: Platform = CONTAINER_PLATFORM,
    source: Source = None,
    revision: Revision = None,
    runtime: RunsOn = "onnxruntime",
    precision: Numbers = "fp32",
    pictures: Pictures = None,
    output: Output = OUTPUT,
    lock: Annotated[Path, typer.Option(help="The lock that names what is deployed.")] = LOCK,
) -> None:
    """Package a model where needed, upload it to the artifact bucket, and name it in model.lock."""
    import boto3

    from scripts.artifact import package, publish

    session = boto3.Session(region_name=region or deployed_settings(env).region)
    # Asked first: a missing stack or credential shows before minutes of packaging.
    place = bucket or publish.find_bucket(env, cloudformation=session.client("cloudformation"))
    with console.status("packaging") as status:
        packaged = package.package_model(
            model,
            python=python,
            platform_tag=platform,
            output_dir=output,
            source=source,
            revision=revision,
            form=Form(runtime=runtime, precision=precision),
            pictures=pictures,
            report=status.update,
        )
    uri = _upload(packaged, place, session.client("s3"))
    before = publish.read_lock(lock).get(packaged.name)
    publish.record(packaged, lock)
    _show(packaged, published=uri, lock=str(lock))
    if before is not None and before.digest != packaged.digest:
        typer.echo(f"{'in place of':<12} {before.digest}, {before.form}")


def _upload(packaged: "PackagedModel", bucket: str, s3_client: "S3Client") -> str:
    from scripts.artifact import publish

    columns = ("uploading", BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=console) as progress:
        task = progress.add_task("upload", total=packaged.size)
        uri = publish.publish(
            packaged,
            bucket=bucket,
            s3_client=s3_client,
            progress=lambda sent: progress.advance(task, sent),
        )
        progress.update(task, completed=packaged.size)
    return uri


def _show(packaged: "PackagedModel", **more: str) -> None:
    rows = {
        "model": packaged.name,
        "path": str(packaged.path),
        "size": f"{packaged.size / 1e6:.1f} MB",
        "digest": packaged.digest,
        "fingerprint": packaged.fingerprint,
        "dimension": str(packaged.dimension),
        "python": packaged.python,
        "form": str(packaged.form),
    }
    for label, value in {**rows, **more}.items():
        typer.echo(f"{label:<12} {value}")
