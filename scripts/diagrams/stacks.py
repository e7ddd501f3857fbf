"""Which stack is deployed before which."""

from collections import Counter
from collections.abc import Mapping

from scripts.diagrams.assembly import Assembly
from scripts.diagrams.flowchart import Edge, Node, flowchart
from scripts.diagrams.parts import Parts

FUNCTION = "AWS::Lambda::Function"
NOUNS: Mapping[str, str] = {
    "AWS::KMS::Key": "key",
    "AWS::EC2::VPC": "network",
    "AWS::S3::Bucket": "bucket",
    "AWS::OpenSearchService::Domain": "domain",
    "AWS::SageMaker::Endpoint": "endpoint",
    "AWS::SQS::Queue": "queue",
    "AWS::StepFunctions::StateMachine": "state machine",
    "AWS::ApiGateway::RestApi": "API",
    "AWS::WAFv2::WebACL": "firewall",
    "AWS::Cognito::UserPool": "user pool",
    "AWS::CloudFront::Distribution": "distribution",
    "AWS::CloudWatch::Dashboard": "dashboard",
    "AWS::CloudWatch::Alarm": "alarm",
    "AWS::Lambda::Function": "function",
}
"""What a stack is known by."""


def draw_stacks(assembly: Assembly) -> str:
    """A flowchart of the stacks; an arrow leads to what is deployed later, and says nothing twice."""
    nodes = [Node(name=stack, detail=_holdings(assembly, stack)) for stack in assembly.templates]
    edges = [
        Edge(source=needed, target=stack)
        for stack in assembly.templates
        for needed in assembly.templates
        if needed in direct(assembly.needs, stack)
    ]
    return flowchart(nodes, edges)


def direct(needs: Mapping[str, frozenset[str]], stack: str) -> frozenset[str]:
    """What a stack needs by itself, and not already because something that it needs does."""
    inherited = frozenset[str]().union(*(_all(needs, each) for each in needs[stack]))
    return needs[stack] - inherited


def _all(needs: Mapping[str, frozenset[str]], stack: str) -> frozenset[str]:
    return needs[stack].union(*(_all(needs, each) for each in needs[stack]))


def _holdings(assembly: Assembly, stack: str) -> str:
    # CDK brings functions of its own along; those that are parts are ours.
    functions = [part for part in Parts.of(assembly).of_type(FUNCTION) if part.stack == stack]
    types = Counter(each["Type"] for each in assembly.templates[stack]["Resources"].values())
    types[FUNCTION] = len(functions)
    return ", ".join(_counted(types[each], noun) for each, noun in NOUNS.items() if types[each])


def _counted(count: int, noun: str) -> str:
    return noun if count == 1 else f"{count} {noun}s"
