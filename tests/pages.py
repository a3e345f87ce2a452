"""A page as its reader gets it: every tag closed, and what is seen."""

from html.parser import HTMLParser
from pathlib import Path

VOID = {"meta", "link", "img", "input", "br", "col"}


class Balance(HTMLParser):
    """Fails on tags that are not closed in order; collects the visible text."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.text: list[str] = []

    def handle_starttag(self, tag, attrs):
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        pass

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if not {"style", "script"} & set(self.open):
            self.text.append(data)


def read(path: Path) -> tuple[str, str]:
    """Its source, and the text that it shows."""
    page = path.read_text()
    parser = Balance()
    parser.feed(page)
    assert parser.open == []
    return page, " ".join(" ".join(parser.text).split())
