"""Every topic and every metric is documented, as the code has it."""

from __future__ import annotations

from pathlib import Path

import pytest

from moebridge.doc_tables import metrics_markdown, topics_markdown

DOCS = Path(__file__).parents[2] / "docs"


@pytest.mark.parametrize(
    ("page", "tables"), [("topics.md", topics_markdown()), ("metrics.md", metrics_markdown())]
)
def test_the_page_holds_the_tables_made_from_the_code(page: str, tables: str) -> None:
    assert tables in (DOCS / page).read_text(), f"make docs/{page} anew from `moebridge docs {page[:-3]}`"
