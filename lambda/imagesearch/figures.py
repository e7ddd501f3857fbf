"""The figures that the functions report of their work, by name, each with its unit.

Each costs money by the month, so there is one only where the dashboard or an alarm shows it.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Literal

Unit = Literal["Count", "Milliseconds", "Seconds"]


class Figure(StrEnum):
    """What is counted or measured; which function did is told apart from it."""

    ENCODE_MILLISECONDS = "EncodeMilliseconds"
    """Of a search: spent in the model."""
    SEARCH_MILLISECONDS = "SearchMilliseconds"
    """Of a search: spent in the index."""
    REST_MILLISECONDS = "RestMilliseconds"
    """Of a search: spent elsewhere."""
    TOTAL_MILLISECONDS = "TotalMilliseconds"
    """Of a search: spent in all; how many there are is how many searches were answered."""
    ENCODE_ERRORS = "EncodeErrors"
    """Requests that the model did not let be answered."""
    SEARCH_ERRORS = "SearchErrors"
    """Requests that the index did not let be answered."""
    REFUSED = "Refused"
    """Requests that were the asker's to mend."""
    FAILURES = "Failures"
    """What went wrong otherwise: requests, messages of the queue, or the canary's searches."""
    LAG_SECONDS = "LagSeconds"
    """From the event of an object to its document; searches see that after the index's next refresh."""
    INDEXED = "Indexed"
    """Pictures (of a bulk run: texts too) whose documents were written."""
    REJECTED = "Rejected"
    """Objects that are no usable pictures, or texts that the model refuses."""
    PLANNED = "Planned"
    """Pictures and texts that a bulk run was to index."""
    RUN_SECONDS = "RunSeconds"
    """From the begin of a bulk run to its end."""
    ANSWER_MILLISECONDS = "AnswerMilliseconds"
    """Until the canary's search was answered, with the waits that the API asked for."""


def unit_of(figure: Figure) -> Unit:
    """Return what a figure is measured in."""
    if figure.endswith("Milliseconds"):
        return "Milliseconds"
    return "Seconds" if figure.endswith("Seconds") else "Count"


Figures = Mapping[Figure, float]
