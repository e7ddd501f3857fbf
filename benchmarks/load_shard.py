"""Index one shard as the index function does, and print what memory it took.

A process of its own, with the function's own modules and nothing of the measurement's.
"""

import json
import resource
import sys
import time
from pathlib import Path

import imagesearch.entrypoints.bulk_index  # noqa: F401 - what the function has loaded
from benchmarks.folders import FolderArtifacts, ListedPictures, NoEmbedder
from imagesearch.adapters import sagemaker_answers
from imagesearch.adapters.opensearch import OpenSearchVectorIndex
from imagesearch.adapters.opensearch_client import opensearch_client
from imagesearch.adapters.s3 import s3_client
from imagesearch.bulk.loading import Loader
from imagesearch.bulk.run_files import RunFiles
from imagesearch.indexing import Indexer


def main() -> None:
    """Load the shard; the arguments are OpenSearch's address, alias, folder, run, shard and library size."""
    url, alias, folder, run, shard, count = sys.argv[1:]
    s3_client()
    index = OpenSearchVectorIndex(
        client=opensearch_client(endpoint=url, engine="lucene", auth=None), alias=alias
    )
    artifacts, pictures = FolderArtifacts(Path(folder)), ListedPictures(int(count))
    loader = Loader(
        artifacts=artifacts,
        index=index,
        pictures=pictures,
        indexer=Indexer(embedder=NoEmbedder(), index=index, pictures=pictures, attributes={}),
        embedder=NoEmbedder(),
        attributes={},
        read=sagemaker_answers,
    )
    key = RunFiles(artifacts, run).keys.output(shard)
    before, began = peak_mb(), time.perf_counter()
    result = loader.load(run=run, key=key)
    seconds = time.perf_counter() - began
    told = {"indexed": result.indexed, "before_mb": before, "peak_mb": peak_mb(), "seconds": seconds}
    sys.stdout.write(json.dumps(told))


def peak_mb() -> float:
    """Return the most memory that this process has had resident so far, in megabytes.

    Linux says it of the present program; `getrusage` there counts what its parent was before, too.
    """
    status = Path("/proc/self/status")
    if status.exists():
        lines = status.read_text(encoding="ascii").splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) * 1024 / 1e6
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


if __name__ == "__main__":
    main()
