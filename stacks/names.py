"""Names that two stacks must agree on.

They are computed on both sides instead of exported: an export freezes its producer, and a resource whose
name is known needs none.
"""

from stacks.settings import Settings

INDEX_ALIAS = "images"
WRITTEN_ALIAS = f"{INDEX_ALIAS}_written"
# Where the files of bulk runs lie in the artifact bucket: `runs/<run>/shards/…` and so on.
RUNS, REJECTS = "runs", "rejects"
SHARDS, EMBEDDINGS, INDEXED, MAP_RESULTS = "shards", "embeddings", "indexed", "map"
MANIFEST, REPORT = "manifest.json", "report.json"

# Where the records of migrations lie in the artifact bucket.
MIGRATIONS = "migrations"
# What an access token must allow: its resource server and the scope there.
RESOURCE_SERVER, SEARCH = "imagesearch", "search"
SEARCH_SCOPE = f"{RESOURCE_SERVER}/{SEARCH}"
# Where the API answers below its own address.
API_STAGE = "prod"

# The repository of snapshots, and where they lie in the artifact bucket.
SNAPSHOT_REPOSITORY, SNAPSHOTS = "imagesearch", "snapshots"
# Where thumbnails lie in the artifact bucket, pictures of searches and of smoke tests in the image bucket.
THUMBNAILS, QUERIES, SMOKE = "thumbnails", ".queries", ".smoke"
# Where the access logs of the page's bucket lie among the others.
WEB_LOGS = "web/"


def image_bucket(settings: Settings) -> str:
    """Name of the bucket that holds the pictures."""
    return _bucket(settings, "images")


def artifact_bucket(settings: Settings) -> str:
    """Name of the bucket that holds the model artifacts and the bulk runs' files."""
    return _bucket(settings, "artifacts")


def bulk_state_machine(settings: Settings) -> str:
    """Name of the state machine of the bulk run."""
    return f"{settings.endpoint_prefix}bulk"


def function(settings: Settings, entrypoint: str) -> str:
    """Name of a function that the dashboard and the alarms look at."""
    return f"{settings.endpoint_prefix}{entrypoint.replace('_', '-')}"


def function_logs(name: str) -> str:
    """Name of the log group of a function of this name."""
    return f"/aws/lambda/{name}"


def ingest_queue(settings: Settings) -> str:
    """Name of the queue of the image bucket's events."""
    return f"{settings.endpoint_prefix}ingest"


def dead_letters(settings: Settings) -> str:
    """Name of the queue of the events that could not be handled."""
    return f"{settings.endpoint_prefix}dead-letters"


def api(settings: Settings) -> str:
    """Name of the REST API."""
    return f"{settings.endpoint_prefix}api"


def dashboard(settings: Settings) -> str:
    """Name of the environment's dashboard."""
    return f"imagesearch-{settings.name}"


def metrics_namespace(settings: Settings) -> str:
    """Namespace of the application's own metrics."""
    return f"ImageSearch/{settings.name}"


def image_repository(settings: Settings) -> str:
    """Name of the ECR repository that holds the models' own image, where the settings name that."""
    return f"{settings.endpoint_prefix}model-server"


def log_bucket(settings: Settings) -> str:
    """Name of the bucket that holds the access logs of the others."""
    return _bucket(settings, "logs")


def web_bucket(settings: Settings) -> str:
    """Name of the bucket that the search page is served from."""
    return _bucket(settings, "web")


def key_alias(settings: Settings) -> str:
    """Name of the environment's own key, where the settings give it one."""
    return f"alias/{settings.endpoint_prefix}data"


def sign_in_url(settings: Settings) -> str:
    """Address of the environment's sign-in; below it, `/oauth2/token` gives tokens."""
    if settings.emulator_url is not None:
        return settings.emulator_url
    return f"https://{sign_in_prefix(settings)}.auth.{settings.region}.amazoncognito.com"


def sign_in_prefix(settings: Settings) -> str:
    """What the address of the sign-in begins with, unlike any other account's in the region."""
    return settings.users.domain_prefix or f"{settings.endpoint_prefix}{_account()}"


def _bucket(settings: Settings, purpose: str) -> str:
    return f"{settings.endpoint_prefix}{purpose}-{_account()}-{settings.region}"


def _account() -> str:
    # Late, for the command line uses names too, and importing the CDK starts a Node process.
    import aws_cdk as cdk

    return cdk.Aws.ACCOUNT_ID
