"""How long the parts take, as an estimate of costs needs it: dated constants, each with its reason.

Measured ones are of `benchmarks/results.json`, on two cores of an AMD EPYC; nothing here was measured in AWS.
"""

from scripts.costs.library import Rates

AS_OF = "2026-11-24"

LIBRARY = Rates(
    # 25 ms a picture of CLIP ViT-B/32 in float32 on 2 cores, 8 ms to decode it, 8 physical cores, some loss.
    transform=120,
    # results.json, bulk_run: 20,000 pictures, two plan calls.
    plan_call=1.8,
    # results.json, bulk_run: 79 shards, two at once.
    index_shard=0.27,
    # results.json, indexing: four processes of our own writer, two cores.
    documents_per_core=1_500,
    # results.json, indexing: 512 dimensions, everything that is stored of a picture without a caption.
    document_bytes=8_300,
)

TEXT_SECONDS = 0.025
"""A text of eight tokens on two cores: 11 ms where nothing else ran, and the model server around it."""
PICTURE_SECONDS = 0.060
"""A picture on two cores: 25 ms of CLIP, 8 ms of decoding, what S3 takes to give it, the model server."""
CORES_PER_TEXT = 2
"""What these seconds were measured with; an instance answers as many at once as it has such pairs."""
SERVERLESS_SLOWER = 2.0
"""A serverless endpoint of 4 GB has the better part of two processors, and their speed is not promised."""
QUERY_SECONDS = 0.100
"""The query function: 47 ms of a search on one machine (README), and the ways between the services."""
INGEST_SECONDS = 0.300
"""The ingest function for a picture that arrives by itself; it waits for the model."""
THUMBNAIL_SECONDS = 0.060
"""The thumbnail function, whether it makes one or hands out what it has made before."""
THUMBNAIL_BYTES = 12_000
EMBEDDING_BYTES = 6_500
"""A line of a run's embeddings: 512 numbers as text, and what else is told of the picture."""
LOG_BYTES_PER_QUERY = 2_000
"""One line of the function, one of API Gateway, and Lambda's own three."""
TRACED_SHARE = 0.05
"""X-Ray's default: one request a second, and a twentieth of the rest."""
FUNCTION_KEPT_MINUTES = 5
"""How long Lambda keeps what an idle function remembers: mostly longer, though nothing is promised."""
BUSY_HOUR = 4.0
"""How much more is asked in the busiest hour than in the mean one: a day of mostly eight hours."""
UTILISATION = 0.6
"""The share of an instance that may be busy in that hour: above it, waiting begins."""
