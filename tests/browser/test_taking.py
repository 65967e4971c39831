"""The page's Copy and Download give the same text as the API."""

import json
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from visitor import TEXT, Visitor, api_sentences

from tagmates.data.formats.columns import read_columns

pytestmark = pytest.mark.browser


def saved(page: Page, name: str) -> Path:
    with page.expect_download() as download:
        page.get_by_role("button", name=name).click()
    return download.value.path()


def test_conll_is_that_of_tagmates_tag(visitor: Visitor, service: str) -> None:
    page = visitor.visit()
    path = saved(page, "Download as CoNLL")
    sentences = api_sentences(service, TEXT)
    text = path.read_text(encoding="utf-8")
    assert text.startswith("# token\tpos\tnames\tchunk\nMaria\t")
    assert text.endswith("\n\n")
    for column, layer in enumerate(("pos", "names", "chunk"), 2):
        read = read_columns(path, tag_column=column, separator="\t", comment="# ")
        assert [list(s.tokens) for s in read] == [s["tokens"] for s in sentences]
        assert [list(s.tags) for s in read] == [s["tags"][layer] for s in sentences]
    expect(page.get_by_role("status")).to_have_text("Saved 2 sentences.")


def test_json_is_the_services_answer(visitor: Visitor, service: str) -> None:
    page = visitor.visit()
    answer = json.loads(saved(page, "Download as JSON").read_text(encoding="utf-8"))
    documents = [{"sentences": api_sentences(service, TEXT)}]
    assert answer == {"model": "one", "tasks": ["pos", "names", "chunk"], "documents": documents}


def test_only_the_layers_shown_are_taken(visitor: Visitor, service: str) -> None:
    page = visitor.visit(layers="chunk")
    page.get_by_role("button", name="Copy as CoNLL").click()
    expect(page.get_by_role("status")).to_have_text("Copied 2 sentences.")
    text = page.evaluate("navigator.clipboard.readText()")
    assert text.split("\n")[0] == "# token\tchunk"
    answer = json.loads(saved(page, "Download as JSON").read_text(encoding="utf-8"))
    assert answer["tasks"] == ["chunk"]
    first = api_sentences(service, TEXT)[0]
    assert answer["documents"][0]["sentences"][0]["tags"] == {"chunk": first["tags"]["chunk"]}


def test_copying_without_the_clipboard_of_secure_pages(visitor: Visitor) -> None:
    page = visitor.visit()
    page.evaluate("Object.defineProperty(navigator, 'clipboard', { value: undefined })")
    page.evaluate("addEventListener('copy', (e) => { window.copied = e.clipboardData.getData('text/plain') })")
    page.get_by_role("button", name="Copy as JSON").click()
    expect(page.get_by_role("status")).to_have_text("Copied 2 sentences.")
    assert json.loads(page.evaluate("window.copied"))["model"] == "one"


def test_two_models_are_taken_together(visitor: Visitor, service: str) -> None:
    page = visitor.visit(**{"with": "two"})
    lines = saved(page, "Download as CoNLL").read_text(encoding="utf-8").split("\n")
    assert lines[0] == "# token\tpos:one\tpos:two\tnames:one\tnames:two\tchunk:one\tsense:two"
    ours, theirs = api_sentences(service, TEXT)[0]["tags"], api_sentences(service, TEXT, "two")[0]["tags"]
    tags = [ours["pos"], theirs["pos"], ours["names"], theirs["names"], ours["chunk"], theirs["sense"]]
    assert lines[1] == "\t".join(["Maria", *(layer[0] for layer in tags)])
    answers = json.loads(saved(page, "Download as JSON").read_text(encoding="utf-8"))
    assert [answer["model"] for answer in answers] == ["one", "two"]
    assert answers[1]["documents"][0]["sentences"] == api_sentences(service, TEXT, "two")
