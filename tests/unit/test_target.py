"""Which deployment a command speaks to."""

import json
from pathlib import Path

import pytest

from imagesearch_client import ApiKey, ClientCredentials, SignedIn, SigV4
from scripts.errors import CommandError
from scripts.login.store import save_tokens
from scripts.target import MACHINE_VARIABLES, Target, find_target
from tests.logins import a_login

WRITTEN = {
    "api_url": "http://127.0.0.1:4566/x",
    "api_key": "local-key",
    "image_bucket": "local-pictures",
    "artifact_bucket": "local-artifacts",
    "bulk_state_machine": "arn:aws:states:us-east-1:000000000000:stateMachine:imagesearch-local-bulk",
    "aws_endpoint_url": "http://127.0.0.1:4566",
    "opensearch_url": "http://127.0.0.1:9200",
    "region": "us-east-1",
    "account": "000000000000",
    "models": ["demo"],
}


@pytest.fixture
def variables(tmp_path: Path) -> dict[str, str]:
    (tmp_path / "environment.json").write_text(json.dumps(WRITTEN))
    return {"IMAGESEARCH_LOCAL_DIR": str(tmp_path)}


def test_the_local_environments_file_serves_when_nothing_else_is_named(variables: dict[str, str]) -> None:
    target = find_target(variables=variables)

    assert (target.url, target.api_key) == (WRITTEN["api_url"], "local-key")
    assert target.image_bucket() == "local-pictures"
    assert target.s3().meta.endpoint_url == "http://127.0.0.1:4566"


def test_environment_variables_come_before_the_local_file_and_arguments_before_both(
    variables: dict[str, str],
) -> None:
    variables |= {"IMAGESEARCH_URL": "https://aws", "IMAGESEARCH_API_KEY": "k", "IMAGESEARCH_BUCKET": "b"}

    assert find_target(variables=variables).url == "https://aws"
    assert find_target(url="https://other", variables=variables).url == "https://other"
    assert find_target(variables=variables).image_bucket() == "b"


def test_a_url_without_a_key_is_refused_rather_than_mixed_with_the_local_file(
    variables: dict[str, str],
) -> None:
    with pytest.raises(CommandError, match="goes together"):
        find_target(variables=variables | {"IMAGESEARCH_URL": "https://aws"})


def test_an_api_that_asks_for_signatures_gets_those_of_aws() -> None:
    variables = {"IMAGESEARCH_URL": "https://aws", "IMAGESEARCH_AUTHORISATION": "iam"}

    assert isinstance(find_target(variables=variables).credentials, SigV4)


def test_a_machines_variables_make_it_a_caller_with_a_secret() -> None:
    machine = dict.fromkeys(MACHINE_VARIABLES, "https://sign-in/oauth2/token")

    target = find_target(variables={"IMAGESEARCH_URL": "https://aws"} | machine)

    assert isinstance(target.credentials, ClientCredentials)


@pytest.mark.parametrize("missing", MACHINE_VARIABLES)
def test_a_machine_without_one_of_its_variables_is_told_all_three(missing: str) -> None:
    machine = {name: "x" for name in MACHINE_VARIABLES if name != missing}

    with pytest.raises(CommandError, match=missing):
        find_target(variables={"IMAGESEARCH_URL": "https://aws"} | machine)


def test_an_unknown_authorisation_is_refused() -> None:
    with pytest.raises(CommandError, match="may be iam") as raised:
        find_target(variables={"IMAGESEARCH_URL": "https://aws", "IMAGESEARCH_AUTHORISATION": "basic"})

    assert raised.value.code == "authorisation_unknown"


def test_a_saved_login_calls_the_api_that_it_is_for(tmp_path: Path) -> None:
    variables = {"XDG_CONFIG_HOME": str(tmp_path)}
    save_tokens("https://aws/prod/", a_login(), variables=variables)

    target = find_target(url="https://aws/prod", variables=variables)

    assert isinstance(target.credentials, SignedIn)
    with pytest.raises(CommandError, match="imagesearch login https://other"):
        find_target(url="https://other", variables=variables)


def test_a_key_that_is_given_comes_before_a_saved_login(tmp_path: Path) -> None:
    variables = {"XDG_CONFIG_HOME": str(tmp_path)}
    save_tokens("https://aws", a_login(), variables=variables)

    assert find_target(url="https://aws", api_key="k", variables=variables).api_key == "k"


def test_an_api_without_keys_has_none_to_tell() -> None:
    target = Target(url="https://aws", credentials=SigV4(region="us-east-1"))

    with pytest.raises(CommandError, match="asks for no key"):
        _ = target.api_key


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ({"authorisation": "key"}, ApiKey),
        ({"authorisation": "iam", "api_key": None}, SigV4),
        (
            {
                "authorisation": "cognito",
                "api_key": None,
                "token_url": "http://127.0.0.1:4566/oauth2/token",
                "client_id": "c",
                "client_secret": "s",
            },
            ClientCredentials,
        ),
    ],
)
def test_the_local_environment_is_called_as_it_asks(
    variables: dict[str, str], tmp_path: Path, said: dict[str, str], kind: type
) -> None:
    (tmp_path / "environment.json").write_text(json.dumps(WRITTEN | said))

    assert isinstance(find_target(variables=variables).credentials, kind)


def test_no_deployment_at_all_is_one_sentence_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="imagesearch local up") as raised:
        find_target(variables={"IMAGESEARCH_LOCAL_DIR": str(tmp_path)})

    assert raised.value.code == "target_unknown"


def test_the_local_file_names_what_bulk_runs_need(variables: dict[str, str]) -> None:
    target = find_target(variables=variables)

    assert target.artifact_bucket() == "local-artifacts"
    assert target.bulk_state_machine() == WRITTEN["bulk_state_machine"]
    assert target.step_functions().meta.endpoint_url == "http://127.0.0.1:4566"


def test_bulk_variables_name_a_deployment_in_aws_and_its_region() -> None:
    target = find_target(
        variables={
            "IMAGESEARCH_URL": "https://aws",
            "IMAGESEARCH_API_KEY": "k",
            "IMAGESEARCH_ARTIFACT_BUCKET": "artifacts",
            "IMAGESEARCH_BULK_STATE_MACHINE": "arn:aws:states:eu-central-1:123456789012:stateMachine:bulk",
        }
    )

    assert target.artifact_bucket() == "artifacts"
    assert target.step_functions().meta.region_name == "eu-central-1"


def test_bulk_variables_alone_are_refused_rather_than_mixed_with_the_local_file(
    variables: dict[str, str],
) -> None:
    with pytest.raises(CommandError, match="goes together") as raised:
        find_target(variables=variables | {"IMAGESEARCH_ARTIFACT_BUCKET": "artifacts"})

    assert raised.value.code == "target_unknown"


def test_an_environment_from_before_bulk_runs_says_to_deploy_it_again(
    variables: dict[str, str], tmp_path: Path
) -> None:
    del (older := dict(WRITTEN))["bulk_state_machine"]
    (tmp_path / "environment.json").write_text(json.dumps(older))

    with pytest.raises(CommandError, match="imagesearch local up") as raised:
        find_target(variables=variables).step_functions()

    assert raised.value.code == "state_machine_unknown"


def test_bulk_runs_without_a_known_artifact_bucket_say_how_to_name_it() -> None:
    target = find_target(url="https://aws", api_key="k", variables={})

    with pytest.raises(CommandError, match="IMAGESEARCH_ARTIFACT_BUCKET"):
        target.artifact_bucket()


def test_uploading_without_a_known_bucket_says_how_to_name_it() -> None:
    target = find_target(url="https://aws", api_key="k", variables={})

    with pytest.raises(CommandError, match="IMAGESEARCH_BUCKET"):
        target.image_bucket()
