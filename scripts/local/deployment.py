"""Deploying the app's ``local`` stage onto the emulator: one synth, the data stack, the artifacts, the rest.

What is known of the emulator's state lies in the emulator's own folder and goes with it.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import boto3

from scripts.artifact.package import PackagedModel
from scripts.artifact.publish import publish
from scripts.local.cdk import Cdk
from scripts.local.emulator_process import PART
from scripts.local.model_package import model_lock_path, python_version, write_model_lock
from scripts.local.settings import REGION, LocalSettings, tool_python
from scripts.local.steps import Say, step
from scripts.local.web_process import WebPage
from scripts.migration.status import IndexInUse, require_served
from scripts.repository import ROOT
from scripts.target import LOCAL_CREDENTIALS
from stacks.model_lock import ModelLock

STAGE = "local"
SOURCES = ("app.py", "cdk.json", "requirements.txt", "package-lock.json", "stacks", "lambda", "web")

REMEDY = (
    "Name that model too (--model, once for each), or finish the migration (imagesearch migrate --finish), "
    "or end the environment, which forgets its pictures (imagesearch local down)."
)


class Deployment:
    """The app on the emulator of one local environment."""

    def __init__(self, settings: LocalSettings, say: Say, *, authorisation: str = "key") -> None:
        self._settings = settings
        self._authorisation = authorisation
        self._say = say
        self._cdk = Cdk(settings)
        self._state = settings.directory / PART
        self._assembly = settings.directory / "assembly"
        self._outputs = settings.directory / PART / "outputs.json"

    def bootstrap(self) -> None:
        """Bootstrap the emulator's account, once in its life."""
        done = self._state / "bootstrapped"
        if not done.exists():
            with step(self._say, "cdk bootstrap"):
                self._cdk.bootstrap()
            done.touch()

    def is_current(self, models: Sequence[PackagedModel]) -> bool:
        """Whether the running emulator has exactly these sources and these models."""
        deployed = self._state / "deployed"
        return deployed.exists() and deployed.read_text() == self._inputs(models)

    def require_served(self, indices: Iterable[IndexInUse], models: Sequence[PackagedModel]) -> None:
        """Raise ``CommandError`` (``model_in_use``) when ``models`` lack the one that made an index in use.

        An index stays with the model that made it, whose endpoint this deployment would remove.
        """
        require_served(
            indices,
            fingerprints={model.fingerprint for model in models},
            lock=ModelLock.load(model_lock_path(self._settings)),
            remedy=REMEDY,
        )

    def synthesize(self, models: Sequence[PackagedModel]) -> None:
        """``cdk synth`` of the stage with ``models``, which the environment's own model lock names."""
        write_model_lock(models, self._settings)
        context = {
            "local_models": ",".join(model.name for model in models),
            "model_lock": str(model_lock_path(self._settings)),
            "function_python": python_version(tool_python("emulator")),
            "local_authorisation": self._authorisation,
            "emulator_url": self._settings.emulator_url,
            "page_url": WebPage(self._settings).url,
        }
        with step(self._say, "cdk synth"):
            self._cdk.synthesize(f"{STAGE}/*", context=context, assembly=self._assembly)

    def deploy(self, models: Sequence[PackagedModel]) -> None:
        """Deploy the data stack, upload the artifacts into its bucket, deploy the rest."""
        with step(self._say, "cdk deploy local/Data"):
            self._cdk.deploy(f"{STAGE}/Data", assembly=self._assembly, outputs=self._outputs)
        for model in models:
            with step(self._say, f"model.tar.gz of {model.name} uploaded, {model.size / 1e6:.0f} MB"):
                publish(model, bucket=self.outputs()["ArtifactBucketName"], s3_client=self._client("s3"))
        with step(self._say, "cdk deploy local/*"):
            self._cdk.deploy(f"{STAGE}/*", assembly=self._assembly, outputs=self._outputs)
        self.remember(models)

    def remember(self, models: Sequence[PackagedModel]) -> None:
        """Note that the emulator has the present sources and ``models``; the note goes with the emulator."""
        self._state.mkdir(parents=True, exist_ok=True)
        (self._state / "deployed").write_text(self._inputs(models))

    def outputs(self) -> dict[str, str]:
        """The outputs of the deployed stacks, by name."""
        written: dict[str, dict[str, str]] = json.loads(self._outputs.read_text())
        return {name: value for stack in written.values() for name, value in stack.items()}

    def credentials(self) -> dict[str, str]:
        """What the deployed API asks of callers, as the fields of a LocalEnvironment."""
        outputs = self.outputs()
        match self._authorisation:
            case "key":
                gateway = self._client("apigateway")
                return {
                    "api_key": gateway.get_api_key(apiKey=outputs["ApiKeyId"], includeValue=True)["value"]
                }
            case "cognito":
                client_id = outputs["MachineClientId"]
                client = self._client("cognito-idp").describe_user_pool_client(
                    UserPoolId=outputs["UserPoolId"], ClientId=client_id
                )
                return {
                    "token_url": outputs["TokenUrl"],
                    "client_id": client_id,
                    "client_secret": client["UserPoolClient"]["ClientSecret"],
                }
        return {}

    def endpoints(self) -> Mapping[str, str]:
        """The status of every model endpoint by name, as SageMaker says it."""
        found = self._client("sagemaker").list_endpoints(NameContains=f"imagesearch-{STAGE}-")["Endpoints"]
        return {one["EndpointName"]: one["EndpointStatus"] for one in found}

    def _client(self, service: str) -> Any:
        session = boto3.Session(region_name=REGION, **LOCAL_CREDENTIALS)
        ca_file = self._settings.ca_file
        return session.client(  # type: ignore[call-overload]
            service, endpoint_url=self._settings.emulator_url, verify=ca_file and str(ca_file)
        )

    def _inputs(self, models: Sequence[PackagedModel]) -> str:
        named = " ".join(f"{model.name} {model.digest}" for model in models)
        page = WebPage(self._settings).url
        digest = hashlib.sha256(f"{named} {self._authorisation} {page}".encode())
        for path in _source_files():
            digest.update(f"\0{path.relative_to(ROOT)}\0".encode())
            digest.update(hashlib.sha256(path.read_bytes()).digest())
        return digest.hexdigest()


def _source_files() -> Iterator[Path]:
    for name in SOURCES:
        path = ROOT / name
        files = [path] if path.is_file() else sorted(p for p in path.rglob("*") if p.is_file())
        yield from (file for file in files if "__pycache__" not in file.parts)
