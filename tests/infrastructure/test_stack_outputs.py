"""What the command line expects of the stacks."""

from collections import Counter

from scripts.smoke.place import VARIABLES
from scripts.stack_outputs import STACKS
from stacks.settings import ENVIRONMENTS
from tests.infrastructure.assembly import Synthesized


def test_the_command_line_knows_every_stack_and_no_other(synthesized: Synthesized) -> None:
    assert {stack for _, stack, _ in synthesized.all()} == set(STACKS)


def test_no_two_stacks_of_an_environment_have_an_output_of_the_same_name(synthesized: Synthesized) -> None:
    for env, stacks in synthesized.templates.items():
        outputs = Counter(name for template in stacks.values() for name in template.get("Outputs", {}))
        assert [name for name, count in outputs.items() if count > 1] == [], env


def test_a_smoke_test_finds_in_the_outputs_what_it_calls_an_environment_with(
    synthesized: Synthesized,
) -> None:
    credentials = {
        "key": {"ApiKeyId"},
        "iam": set(),
        "cognito": {"UserPoolId", "MachineClientId", "TokenUrl"},
    }
    for env, settings in ENVIRONMENTS.items():
        outputs = {name for template in synthesized.templates[env].values() for name in template["Outputs"]}
        assert {*VARIABLES.values(), *credentials[settings.api.authorisation]} <= outputs, env
