"""The function behind the page's custom resource, called by the CDK's provider framework."""

from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from imagesearch.entrypoints import wiring
from imagesearch.web_files import clear, publish

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

Handler = Callable[[dict[str, Any], LambdaContext], dict[str, Any]]


def build_handler(client: Callable[[], "S3Client"]) -> Handler:
    """Return the function's handler."""

    def handler(event: dict[str, Any], _: LambdaContext) -> dict[str, Any]:
        """Bring the page's files into its bucket, or empty it; the bucket's name is the resource's id."""
        from imagesearch.adapters.s3_web import S3WebBucket, read_archive

        properties = event["ResourceProperties"]
        name = properties["Bucket"]
        bucket = S3WebBucket(client(), name)
        if event["RequestType"] == "Delete":
            clear(bucket)
            return {"PhysicalResourceId": name}
        archive = read_archive(client(), properties["Archive"])
        files = publish(bucket, archive=archive, configuration=properties["Configuration"])
        wiring.logger().info("page published", bucket=name, files=files)
        return {"PhysicalResourceId": name}

    return handler


@cache
def _client() -> "S3Client":
    from imagesearch.adapters.s3 import s3_client

    return s3_client()


handler = build_handler(_client)
