"""Answering queries: encode, ask the index, link what was found."""

from collections.abc import Mapping

from imagesearch.errors import ImageUnknownError
from imagesearch.models import ImageRecord, IndexInfo, IndexState, Links, RejectedImage, Vector
from imagesearch.ports import AutoCutoff, Embedder, PictureStore, VectorIndex, WebPictures
from imagesearch.queries import Duplicate, Hit, Query, SearchResult
from imagesearch.searching.collapsing import Group
from imagesearch.searching.counting import counted
from imagesearch.searching.encoding import Encoder
from imagesearch.searching.paging import check_position, position_of
from imagesearch.searching.retrieval import Retrieval, legs_of
from imagesearch.searching.stopwatch import Stopwatch


class Searcher:
    """Answers queries from the active index; links to pictures work for `url_ttl_seconds`."""

    def __init__(
        self,
        *,
        embedder: Embedder,
        index: VectorIndex,
        pictures: PictureStore,
        cutoff: AutoCutoff,
        web: WebPictures | None,
        url_ttl_seconds: int,
    ) -> None:
        self._encoder = Encoder(embedder=embedder, index=index, web=web)
        self._index = index
        self._pictures = pictures
        self._cutoff = cutoff
        self._url_ttl_seconds = url_ttl_seconds

    def search(self, query: Query) -> SearchResult:
        """Return the pictures that fit the query, best first.

        The concrete index is searched, never the alias: an alias that moves between encoding and searching
        must not bring two models together. Raises what is wrong with the query, and what the ports raise.
        """
        watch = Stopwatch()
        with watch.part("search"):
            index = self._index.active()
        check_position(query, index)
        with watch.part("encode"):
            vector = self._encoder.vector(index, query.wishes)
        threshold = self._threshold(index, query, vector)
        retrieval = Retrieval(port=self._index, index=index, watch=watch)
        page = retrieval.page(query, legs_of(query, vector), threshold=threshold)
        shown = page.shown
        vectors = retrieval.vectors([group.best.image.id for group in shown]) if query.vectors else {}
        images = [group.best.image for group in page.found] if query.facets else []
        return SearchResult(
            hits=tuple(self._hit(group, vectors) for group in shown),
            index=index,
            found=len(page.found),
            next=position_of(shown[-1].best, query=query, index=index) if shown and page.may_follow else None,
            threshold=threshold,
            facets={field: counted(images, field) for field in query.facets},
            took_ms=watch.read(),
        )

    def picture(self, document_id: str) -> ImageRecord | RejectedImage:
        """Return what searches see of a picture. Raises ImageUnknownError."""
        document = self._index.find(self._index.active().name, document_id)
        if document is None:
            raise ImageUnknownError("No picture has this id; it may have been deleted or not be indexed yet.")
        return document

    def links(self, key: str) -> Links:
        """Return links to a picture and its thumbnail that work for a limited time."""
        return self._pictures.links(key, ttl_seconds=self._url_ttl_seconds)

    def state(self) -> IndexState:
        """Return the active index and its number of pictures."""
        index = self._index.active()
        return IndexState(index=index, pictures=self._index.count(index.name))

    def _threshold(self, index: IndexInfo, query: Query, vector: Vector) -> float | None:
        if query.cutoff == "auto":
            return self._cutoff.threshold(index, vector, query.part)
        return query.min_score

    def _hit(self, group: Group, vectors: Mapping[str, Vector]) -> Hit:
        best, links = group.best, self.links(group.best.image.key)
        return Hit(
            image=best.image,
            score=best.score,
            url=links.url,
            thumbnail_url=links.thumbnail_url,
            matched=tuple(best.scores),
            scores=best.scores,
            duplicates=tuple(
                Duplicate(id=other.image.id, key=other.image.key, score=other.score) for other in group.others
            ),
            vector=vectors.get(best.image.id),
        )
