"""What checkov finds and what is right all the same: for which resources, and why.

A resource is named as in `Finding.resource`: environment, stack, type and logical id, with wildcards.
"""

from dataclasses import dataclass

_FUNCTION = "AWS::Lambda::Function"
_OPEN_NETWORK = ("local", "dev", "verify")
"""Environments whose settings ask neither for a network of their own nor for a key of their own."""


@dataclass(frozen=True, kw_only=True)
class Excuse:
    """Findings of one `check` for resources that match any of the patterns, and the reason."""

    check: str
    resources: tuple[str, ...]
    why: str


def _functions(*names: str) -> tuple[str, ...]:
    return tuple(f"*/{_FUNCTION}/{name}*" for name in names)


EXCUSES = (
    Excuse(
        check="CKV_AWS_18",
        resources=("*/Data/AWS::S3::Bucket/AccessLogs*",),
        why="This is the bucket of the access logs; logging its own would never end.",
    ),
    Excuse(
        check="CKV_AWS_18",
        resources=("Pipeline/AWS::S3::Bucket/PipelineArtifactsBucket*",),
        why="What one action hands on to the next; the pipeline's history says which action had it.",
    ),
    Excuse(
        check="CKV_AWS_21",
        resources=(
            "*/Data/AWS::S3::Bucket/AccessLogs*",
            "*/Web/AWS::S3::Bucket/PageBucket*",
            "Pipeline/AWS::S3::Bucket/PipelineArtifactsBucket*",
        ),
        why="Nothing is written twice that could not be made again: logs are written once, the page's files "
        "and the pipeline's are of the repository.",
    ),
    Excuse(
        check="CKV_AWS_27",
        resources=tuple(f"{env}/Ingest/AWS::SQS::Queue/Pictures*" for env in _OPEN_NETWORK),
        why="The queues are encrypted by SQS's own key, which checkov does not count; they hold names of "
        "objects. Where the settings ask for a key of the environment's own, they have it.",
    ),
    Excuse(
        check="CKV_AWS_59",
        resources=("*/Api/AWS::ApiGateway::Method/SearchApithumbnailsidGET*",),
        why="Thumbnails only, whose links are signed: an <img> sends no header.",
    ),
    Excuse(
        check="CKV_AWS_68",
        resources=("*/Web/AWS::CloudFront::Distribution/Page*",),
        why="The page is static; the API behind it has its own web ACL where settings ask.",
    ),
    Excuse(
        check="CKV_AWS_73",
        resources=("local/Api/AWS::ApiGateway::Stage/*",),
        why="The emulator has no X-Ray.",
    ),
    Excuse(
        check="CKV_AWS_86",
        resources=("*/Web/AWS::CloudFront::Distribution/Page*",),
        why="The bucket logs what it is asked for, and the API every request for data.",
    ),
    Excuse(
        check="CKV_AWS_109",
        resources=("prod/Model/AWS::IAM::Policy/*Role*",),
        why="ec2:CreateNetworkInterfacePermission, with which SageMaker puts a model into the network: "
        "it is asked before the interface has a name.",
    ),
    Excuse(
        check="CKV_AWS_111",
        resources=("prod/Model/AWS::IAM::Policy/*Role*",),
        why="Network interfaces that SageMaker makes for a model in the network: EC2 names them.",
    ),
    Excuse(
        check="CKV_AWS_111",
        resources=("Pipeline/AWS::IAM::Policy/PipelineAssetsFileRole*",),
        why="The role is the CDK's; it starts the builds of assets, whose projects the pipeline makes.",
    ),
    Excuse(
        check="CKV_AWS_115",
        resources=(f"*/{_FUNCTION}/*",),
        why="What is reserved for one function is taken from all others of the account. How many run at once "
        "is bounded where they are called: the API's throttle, the queue's and the map's concurrency.",
    ),
    Excuse(
        check="CKV_AWS_116",
        resources=_functions(
            *("Query", "Thumbnail", "Ingest", "Plan", "Prepare", "Index", "Backup", "Migration"),
            *("Setup", "FilesPublish", "FilesProvider", "Custom", "ImageOrder", "ImageProvider"),
        ),
        why="The caller waits for the answer and deals with a failure itself: API Gateway, SQS with a "
        "dead-letter queue of its own, Step Functions, the command line, CloudFormation.",
    ),
    Excuse(
        check="CKV_AWS_116",
        resources=_functions("Canary"),
        why="A search that fails counts as failed, and the next one comes by the schedule.",
    ),
    Excuse(
        check="CKV_AWS_116",
        resources=_functions("Finish"),
        why="Step Functions waits for it. What it could not do after a stop, the end of the next run does.",
    ),
    Excuse(
        check="CKV_AWS_117",
        resources=tuple(f"{env}/*/{_FUNCTION}/*" for env in _OPEN_NETWORK),
        why="These environments have no network of their own.",
    ),
    Excuse(
        check="CKV_AWS_117",
        resources=tuple(
            f"{env}/{function}"
            for env in ("staging", "prod")
            for function in (
                f"Api/{_FUNCTION}/Thumbnail*",
                f"Api/{_FUNCTION}/Canary*",
                f"Web/{_FUNCTION}/Files*",
                f"Data/{_FUNCTION}/SetupProvider*",
                f"Network/{_FUNCTION}/CustomVpcRestrictDefaultSG*",
            )
        ),
        why="They ask AWS's own services and the API, and nothing that lies in the network.",
    ),
    Excuse(
        check="CKV_AWS_117",
        resources=(f"staging/Data/{_FUNCTION}/CustomS3AutoDeleteObjects*",),
        why="The function is the CDK's: it empties buckets that are destroyed, and asks S3 only.",
    ),
    Excuse(
        check="CKV_AWS_120",
        resources=("*/Api/AWS::ApiGateway::Stage/*",),
        why="Searches are POST, and what they find changes with every picture.",
    ),
    Excuse(
        check="CKV_AWS_136",
        resources=("dev/Model/AWS::ECR::Repository/Image*",),
        why="The image holds programs that anybody can have, and ECR's own key encrypts it.",
    ),
    Excuse(
        check="CKV_AWS_158",
        resources=tuple(f"{env}/*/AWS::Logs::LogGroup/*" for env in _OPEN_NETWORK),
        why="CloudWatch's own key encrypts them. Where the settings ask for a key of the environment's own, "
        "they have it.",
    ),
    Excuse(
        check="CKV_AWS_173",
        resources=(f"*/{_FUNCTION}/*",),
        why="Lambda's own key encrypts the variables: names and numbers, and no secrets, which tests hold.",
    ),
    Excuse(
        check="CKV_AWS_174",
        resources=("*/Web/AWS::CloudFront::Distribution/Page*",),
        why="CloudFront's own name comes with its own choice of TLS versions.",
    ),
    Excuse(
        check="CKV_AWS_317",
        resources=("*/Data/AWS::OpenSearchService::Domain/Search*",),
        why="Nobody reaches the domain but the functions, each by its role: the API's access log and their "
        "own logs say who asked for what. An audit log would hold the body of every search.",
    ),
    Excuse(
        check="CKV_AWS_370",
        resources=("*/Model/AWS::SageMaker::Model/*",),
        why="The container reads pictures from the image bucket by its role, which isolation would cut off.",
    ),
)
