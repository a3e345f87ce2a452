"""Whatever the code and the docs cite can be opened: pages, their sections, numbered decisions."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("src", "tests", "benchmarks", "examples", "docs")
PAGE = re.compile(r"[\w./-]*\w\.md\b")
SECTION = re.compile(r"(\w+\.md)\)?, ([A-Z][a-z]+(?: [a-z]+)*)")  # a page, then a title of it
CHAPTER = re.compile(r"\b\w+\.md\s+\(?[a-z]?\)?[.\s]?\d")  # a page, then a number: none has numbers
TITLE = re.compile(r"^(?:#+ |\*\*)([^*\n]+?)\.?(?:\*\*|$)", re.MULTILINE)
ENTRY = re.compile(r"^\*\*D(\d+)\. ", re.MULTILINE)
DECISION = re.compile(r"\bD(\d+)\b")
WRITTEN = {  # pages that commands write, named in code and docs and not in the repository
    "ablation.md": "premotor ablate",
    "experts.md": "premotor experts",
    ".experts.md": "premotor experts, before it is renamed",
    "probe.md": "premotor probe",
}


def sources() -> list[Path]:
    found = [p for f in FOLDERS for s in ("*.py", "*.md") for p in (ROOT / f).rglob(s)]
    found += [ROOT / "README.md", ROOT / "CONTRIBUTING.md"]
    return sorted(p for p in found if p != Path(__file__))


def names(pattern: re.Pattern[str], but: str = "") -> dict[str, str]:
    """What a pattern finds, and where first; line breaks inside a sentence count as spaces."""
    found: dict[str, str] = {}
    for path in (p for p in sources() if p.name != but):
        text = re.sub(r"\n[ #]*", " ", path.read_text())
        for match in pattern.finditer(text):
            found.setdefault(match[0], str(path.relative_to(ROOT)))
    return found


def titles(page: str) -> set[str]:
    path = ROOT / page if (ROOT / page).is_file() else ROOT / "docs" / page
    return set(TITLE.findall(path.read_text()))


PAGES, SECTIONS = names(PAGE), names(SECTION)
ENTRIES = [int(n) for n in ENTRY.findall((ROOT / "docs" / "decisions.md").read_text())]


def test_there_is_something_to_check():
    assert len(PAGES) > 10
    assert len(SECTIONS) > 10
    assert len(ENTRIES) > 40


@pytest.mark.parametrize(("page", "where"), PAGES.items())
def test_every_page_that_is_named_can_be_opened(page: str, where: str):
    places = (ROOT, ROOT / "docs", (ROOT / where).parent)
    assert page in WRITTEN or any((place / page).is_file() for place in places), (
        f"{where} names {page}, which is not in the repository; cite a page of docs/ or a paper"
    )


@pytest.mark.parametrize("page", WRITTEN)
def test_pages_that_are_written_are_still_named(page: str):
    assert page in PAGES


@pytest.mark.parametrize(("cited", "where"), SECTIONS.items())
def test_every_section_that_is_cited_is_a_title(cited: str, where: str):
    page, title = SECTION.fullmatch(cited).groups()
    assert title in titles(page), f"{where} cites {cited}"


def test_pages_are_cited_by_title_and_not_by_number():
    assert names(CHAPTER) == {}


def test_every_decision_that_is_cited_exists():
    cited = {int(name[1:]): where for name, where in names(DECISION, but="decisions.md").items()}
    assert len(cited) > 20
    assert {n: where for n, where in cited.items() if n not in ENTRIES} == {}


def test_decisions_are_numbered_once_and_ascend_within_their_subject():
    assert len(set(ENTRIES)) == len(ENTRIES)
    subjects = (ROOT / "docs" / "decisions.md").read_text().split("\n## ")[1:]
    for subject in subjects:
        numbers = [int(n) for n in ENTRY.findall(subject)]
        assert numbers
        assert numbers == sorted(numbers), subject.partition("\n")[0]
