"""The figures of a request: how long the parts of a search took, or which part did not let it be answered."""

from http import HTTPStatus

from imagesearch import errors
from imagesearch.entrypoints.rendering import status_of
from imagesearch.figures import Figure, Figures
from imagesearch.queries import Timings

_ENCODING = (errors.ModelUnavailableError, errors.ModelMismatchError, errors.ModelProtocolError)
_SEARCHING = (
    errors.SearchUnavailableError,
    errors.SearchRefusedError,
    errors.SearchDeniedError,
    errors.IndexMissingError,
)


def figures_of(took: Timings) -> Figures:
    """Return the figures of a search that was answered."""
    return {
        Figure.ENCODE_MILLISECONDS: took.encode,
        Figure.SEARCH_MILLISECONDS: took.search,
        Figure.REST_MILLISECONDS: took.rest,
        Figure.TOTAL_MILLISECONDS: took.total,
    }


def figure_of(error: Exception) -> Figure:
    """Return what a request counts as that ended in this error."""
    if isinstance(error, _ENCODING):
        return Figure.ENCODE_ERRORS
    if isinstance(error, _SEARCHING):
        return Figure.SEARCH_ERRORS
    return Figure.REFUSED if status_of(error) < HTTPStatus.INTERNAL_SERVER_ERROR else Figure.FAILURES
