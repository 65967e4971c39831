"""The page's files fit together; how they behave in a browser is in tests/browser."""

import re
from html.parser import HTMLParser
from pathlib import Path

PAGE = Path(__file__).parents[2] / "tagmates" / "serve" / "page"
SCRIPTS = {path.name: path.read_text(encoding="utf-8") for path in PAGE.glob("*.js")}
STYLE = (PAGE / "style.css").read_text(encoding="utf-8")
VOID = {"meta", "link", "input", "br"}


class Reader(HTMLParser):
    """Collects elements, and fails where tags do not match."""

    def __init__(self) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.feed((PAGE / "index.html").read_text(encoding="utf-8"))
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, self.getpos()

    def handle_data(self, data: str) -> None:
        assert not data.strip() or self.open[-1] not in ("script", "style"), "a strict policy allows nothing inline"


ELEMENTS = Reader().elements
IDS = [attributes["id"] for _, attributes in ELEMENTS if "id" in attributes]


def test_nothing_is_inline() -> None:
    for tag, attributes in ELEMENTS:
        assert not any(name == "style" or name.startswith("on") for name in attributes), (tag, attributes)


def test_every_file_is_here_and_used() -> None:
    linked = {str(a.get("src") or a.get("href")) for tag, a in ELEMENTS if tag in ("script", "link")}
    names = {link.removeprefix("static/") for link in linked}
    for text in SCRIPTS.values():
        names |= set(re.findall(r'from "\./(\w+\.js)"', text))
    assert {path.name for path in PAGE.iterdir()} == names | {"index.html"}


def test_every_name_imported_is_exported() -> None:
    for text in SCRIPTS.values():
        for names, file in re.findall(r'import \{ ([^}]+) \} from "\./(\w+\.js)"', text):
            for name in names.split(", "):
                assert re.search(rf"^export (async )?(function\*?|const|class) {name}\b", SCRIPTS[file], re.MULTILINE)


def test_every_id_asked_for_is_there_once() -> None:
    asked = {i for text in SCRIPTS.values() for i in re.findall(r'(?:\bat|getElementById)\("([\w-]+)"\)', text)}
    assert len(asked) > 10
    assert asked <= set(IDS)
    assert len(IDS) == len(set(IDS))
    for _, attributes in ELEMENTS:
        assert {attributes[key] for key in ("for", "aria-labelledby") if key in attributes} <= set(IDS)


def test_text_is_never_parsed_as_markup() -> None:
    for text in SCRIPTS.values():
        assert not re.search(
            r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|setHTML|\beval\b|new Function", text
        )


def test_nothing_is_fetched_from_elsewhere() -> None:
    for text in (*SCRIPTS.values(), STYLE, (PAGE / "index.html").read_text(encoding="utf-8")):
        assert not re.search(r"https?://|url\(|@import", text)
