"""The table of limits, and the document made from it."""

from pathlib import Path

import pytest

from clip_inference.sources import MAX_SOURCE_BYTES
from imagesearch.thumbnails import PREFIX
from imagesearch.uploads import QUERY_PREFIX
from stacks import limits, names

ROOT = Path(__file__).resolve().parents[2]


def test_the_document_is_current() -> None:
    document = (ROOT / "docs" / "limits.md").read_text(encoding="utf-8")
    assert document == limits.render_markdown(), "run: python -m stacks.limits > docs/limits.md"


def test_every_limit_names_its_unit_its_source_and_who_holds_it() -> None:
    assert len(limits.LIMITS) > 20
    assert all(limit.unit and limit.source and limit.held_by for limit in limits.LIMITS)
    assert len({limit.name for limit in limits.LIMITS}) == len(limits.LIMITS)


def test_a_limit_without_a_value_is_refused() -> None:
    with pytest.raises(ValueError, match="positive"):
        limits.Limit(name="x", value=0, unit="bytes", source="a page", held_by="nobody")


def test_an_event_with_the_largest_body_fits_lambdas_payload() -> None:
    body = limits.max_request_body_bytes()
    # Headers may have 10,240 bytes in all, and stand in the event twice; so may a query string of 8 KiB.
    event = body + 2 * 10_240 + 2 * 8 * 1024
    assert event < limits.LAMBDA_PAYLOAD.value
    assert body > 0.95 * limits.LAMBDA_PAYLOAD.value


def test_what_can_be_uploaded_is_what_the_models_container_reads() -> None:
    assert limits.PICTURE_BYTES == MAX_SOURCE_BYTES


def test_both_sides_name_the_same_folders() -> None:
    assert (f"{names.THUMBNAILS}/", f"{names.QUERIES}/") == (PREFIX, QUERY_PREFIX)
