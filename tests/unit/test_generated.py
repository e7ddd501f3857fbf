"""Generated parts of documents: the text between two comments is replaced, and nothing else."""

from pathlib import Path

import pytest

from scripts.generated import block, replace_block


def test_only_what_stands_between_the_comments_is_replaced(tmp_path: Path) -> None:
    document = tmp_path / "page.md"
    document.write_text(
        f"before\n{block('speed', 'old')}\nbetween\n{block('costs', 'old')}\nafter\n", "utf-8"
    )

    replace_block(document, "costs", "| new |")

    assert document.read_text("utf-8") == (
        f"before\n{block('speed', 'old')}\nbetween\n{block('costs', '| new |')}\nafter\n"
    )


def test_a_document_without_the_comments_is_left_as_it_is(tmp_path: Path) -> None:
    document = tmp_path / "page.md"
    document.write_text("nothing\n", "utf-8")
    with pytest.raises(ValueError, match="not enough values"):
        replace_block(document, "costs", "| new |")
    assert document.read_text("utf-8") == "nothing\n"
