"""The catalogue, and the document made from it."""

import re
from pathlib import Path

import pytest

from scripts.artifact.catalogue import CATALOGUE, CatalogueEntry, HubSource
from scripts.artifact.hub import COMMIT
from scripts.artifact.models_page import render_markdown

ROOT = Path(__file__).resolve().parents[2]
WEIGHTS = {"visual/model.onnx", "textual/model.onnx", "textual/tokenizer.json"}


def test_the_document_is_current() -> None:
    assert (ROOT / "docs" / "models.md").read_text("utf-8") == render_markdown(), "run: make docs"


@pytest.mark.parametrize("entry", CATALOGUE.values(), ids=CATALOGUE)
def test_nothing_is_fetched_that_neither_a_commit_nor_digests_hold(entry: CatalogueEntry) -> None:
    if isinstance(entry.source, HubSource):
        assert COMMIT.fullmatch(entry.source.revision) or set(entry.source.digests) == WEIGHTS
        assert all(re.fullmatch("[0-9a-f]{64}", digest) for digest in entry.source.digests.values())


def test_no_two_models_share_a_source_but_the_demo_models() -> None:
    repositories = [
        entry.source.repository for entry in CATALOGUE.values() if isinstance(entry.source, HubSource)
    ]
    assert len(set(repositories)) == len(repositories) == 4
