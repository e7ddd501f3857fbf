"""Whether the models of an environment are published, and can be where they are not."""

from collections.abc import Iterator

import httpx
from huggingface_hub import constants

from scripts.artifact.catalogue import HubSource, find_entry
from scripts.artifact.publish import is_published, read_lock
from scripts.doctor.account import model_warning
from scripts.doctor.context import Context
from scripts.doctor.findings import Check, Finding, failed, passed, warned
from scripts.outputs import stack_outputs
from stacks.container_images import container_python
from stacks.model_lock import publish_command

HUB_SECONDS = 10.0


def model_checks(context: Context) -> list[Check]:
    """The checks of the models."""
    return [Check(name="models", look=lambda: _models(context), prefix="s3")]


def _models(context: Context) -> Iterator[Finding]:
    if (found := model_warning(context)) is not None:
        yield found
    bucket = _bucket(context)
    lock = read_lock(context.lock)
    for name in context.settings.models:
        locked = lock.get(name)
        publish = publish_command(name, context.name, locked)
        if locked is None:
            yield _packaged(name, f"{context.lock.name} does not name {name}")
        elif locked.python != container_python():
            yield failed(
                "models",
                f"{name} is packaged for Python {locked.python}, its container has {container_python()}",
                publish,
            )
        elif bucket is None:
            yield passed("models", f"{name}: {context.lock.name} names {locked.digest[:12]}; no bucket yet")
        elif is_published(locked, bucket=bucket, s3_client=context.client("s3")):
            yield passed("models", f"{name}: {locked.digest[:12]} lies in {bucket}")
        elif locked.is_exact:
            yield _packaged(name, f"{bucket} has no artifact {locked.digest[:12]} of {name}")
        else:
            yield _taken(
                f"{bucket} has no artifact {locked.digest[:12]} of {name}, {locked.form}",
                context.settings.models_from,
                publish,
            )


def _packaged(name: str, lacking: str) -> Finding:
    """Return whether `imagesearch deploy` can make what is lacking."""
    source = find_entry(name).source
    if not isinstance(source, HubSource):
        return passed("models", f"{lacking}: it is made here while the environment is deployed")
    from_folder = (
        f"imagesearch package-model --model {name} --from FOLDER   (the files of {source.repository})"
    )
    try:
        url = f"{constants.ENDPOINT}/api/models/{source.repository}"
        answer = httpx.get(url, timeout=HUB_SECONDS, follow_redirects=True)
    except httpx.HTTPError as error:
        return failed(
            "models", f"{lacking}, and the hub cannot be reached ({type(error).__name__})", from_folder
        )
    if not answer.is_success:
        return failed("models", f"{lacking}, and the hub answers {answer.status_code}", from_folder)
    return warned(
        "models",
        f"{lacking}: it is packaged from the hub while the environment is deployed",
        f"imagesearch package-model --model {name}",
    )


def _taken(lacking: str, source: str | None, publish: str) -> Finding:
    """Return whether `imagesearch deploy` may find elsewhere what it cannot judge, and so does not make."""
    if source is None:
        return failed("models", f"{lacking}, which is not made while the environment is deployed", publish)
    return warned("models", f"{lacking}: a deployment takes it from {source}, where that has it", publish)


def _bucket(context: Context) -> str | None:
    outputs = stack_outputs(f"{context.name}-Data", cloudformation=context.client("cloudformation"))
    return None if outputs is None else outputs.get("ArtifactBucketName")
