"""Names in the documents exist: files and folders, SQL functions and tables, links between pages."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
#: All pages but the changelog, which names what existed once.
PAGES = sorted({*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")} - {ROOT / "CHANGELOG.md"})
#: Pages whose `darkroom_…` names are SQL functions and tables; elsewhere they are metrics and containers too.
SQL_PAGES = [ROOT / "docs" / f"{name}.md" for name in ("architecture", "delivery", "glossary", "tables")]
FOLDERS = "actors|clients|commands|deploy|devtools|docs|http|pipelines|providers|schemas|tests"
#: Files that a-fourth-product.md has its reader create.
CREATED = {"pipelines/products/postcard.py", "schemas/tables/postcard.sql"}
#: Folders that a build or a deployment makes.
MADE = {"deploy/secrets"}


def names(pattern: str, text: str) -> set[str]:
    return {found.rstrip("/.") for found in re.findall(pattern, text)}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_path_in_the_documents_exists(page: Path) -> None:
    named = names(rf"(?<![\w/.:-])(?:{FOLDERS})/[\w./-]*(?![\w{{*…])", page.read_text()) - CREATED - MADE
    assert [path for path in sorted(named) if not (ROOT / path).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_target_of_every_link_exists(page: Path) -> None:
    links = re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text())
    assert [link for link in links if not (page.parent / link).exists()] == []


@pytest.mark.parametrize("page", SQL_PAGES, ids=lambda page: page.name)
def test_every_sql_name_in_the_documents_exists(page: Path) -> None:
    files = [*(ROOT / "schemas").rglob("*.sql"), ROOT / "providers/records/migrate.py"]
    sql = "\n".join(path.read_text() for path in files)
    defined = set(re.findall(r"(?:function|table(?: if not exists)?) (darkroom_\w+)", sql))
    assert len(defined) > 50
    assert sorted(names(r"\bdarkroom_[a-z_]+\b", page.read_text()) - defined) == []


def test_the_patterns_find_missing_names() -> None:
    assert names(rf"(?<![\w/.:-])(?:{FOLDERS})/[\w./-]*(?![\w{{*…])", "see `docs/none.md` and pipelines/engine/.") == {
        "docs/none.md",
        "pipelines/engine",
    }
