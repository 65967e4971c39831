"""The page in use: typing, layers, probabilities, keys, links and two models."""

import pytest
from playwright.sync_api import Page, Route, expect
from visitor import EN, TEXT, Visitor, api_sentences

pytestmark = pytest.mark.browser


def labels(page: Page, row: int, sentence: int = 1) -> list[str]:
    """The labels in a row (from 1) of a sentence; "" for a token without a label."""
    cells = page.locator(f"#sentences > li:nth-child({sentence}) .word > :nth-child({row + 1})")
    return cells.evaluate_all("cells => cells.map(cell => cell.querySelector('.label')?.textContent ?? '')")


def test_there_is_an_example_to_begin_with(visitor: Visitor) -> None:
    page = visitor.visit(None)
    expect(page.locator("#sentences > li")).to_have_count(2)
    page.get_by_role("button", name="Clear").click()
    expect(page.locator("#results")).to_be_hidden()
    expect(page.get_by_label("Your text")).to_have_value("")
    page.get_by_role("button", name="Example").click()
    expect(page.locator(".token").first).to_have_text("Maria")


@pytest.mark.skipif(not EN, reason="the model en is not in the package")
def test_the_model_in_the_box_reads_the_example(visitor: Visitor) -> None:
    page = visitor.visit("Maria picked up the keys.", model="en", layers="upos")
    expect(page.locator(".label")).to_have_text(["PROPN", "VERB", "ADP", "DET", "NOUN", "PUNCT"])


def test_what_is_typed_is_tagged_without_a_button(visitor: Visitor) -> None:
    page = visitor.visit()
    page.get_by_label("Your text").fill("")
    page.get_by_label("Your text").press_sequentially("Nobody knows. Ask Anna!")
    expect(page.locator("#summary")).to_contain_text("2 sentences · 6 words")
    assert page.locator(".token").all_text_contents() == ["Nobody", "knows", ".", "Ask", "Anna", "!"]


def test_an_answer_to_an_older_text_is_dropped_and_the_last_good_one_stays(visitor: Visitor) -> None:
    page = visitor.visit("First text.")
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    page.route("**/api/tag/stream", hold, times=1)
    with page.expect_request("**/api/tag/stream"):
        page.get_by_label("Your text").fill("Second text.")
    expect(page.locator(".token").first).to_have_text("First")
    page.get_by_label("Your text").fill("Third text.")
    expect(page.locator(".token").first).to_have_text("Third")
    held[0].fulfill(status=200, body='{"tokens": ["Stale"], "tags": {}, "spans": {}}\n{"done": true}\n')
    page.get_by_role("checkbox", name="names").uncheck()
    expect(page.locator(".names").first).to_contain_text("1\npos\nchunk\n")
    expect(page.locator(".token").first).to_have_text("Third")


def test_the_rows_are_the_models_tags(visitor: Visitor, service: str) -> None:
    page = visitor.visit()
    expect(page.locator(".names").first).to_contain_text("1\npos\nnames\nchunk\n")
    for number, sentence in enumerate(api_sentences(service, TEXT), 1):
        assert labels(page, 1, number) == sentence["tags"]["pos"]
        for row, layer in enumerate(("names", "chunk"), 2):
            begins = {span["start"]: span["label"] for span in sentence["spans"][layer]}
            assert labels(page, row, number) == [begins.get(at, "") for at in range(len(sentence["tokens"]))]
            inside = {at for span in sentence["spans"][layer] for at in range(span["start"], span["end"])}
            cells = page.locator(f"#sentences > li:nth-child({number}) .word > :nth-child({row + 1})")
            drawn = cells.evaluate_all("cells => cells.map(cell => cell.classList.contains('span'))")
            assert drawn == [at in inside for at in range(len(sentence["tokens"]))]


def test_layers_come_and_go_and_a_link_brings_them_back(visitor: Visitor) -> None:
    page = visitor.visit()
    page.get_by_role("checkbox", name="names").uncheck()
    expect(page.locator(".names").first).to_contain_text("1\npos\nchunk\n")
    expect(page.locator(".word").first.locator(".cell")).to_have_count(2)
    again = visitor.open()
    again.goto(page.url)
    expect(again.locator(".names").first).to_contain_text("1\npos\nchunk\n")
    expect(again.get_by_role("checkbox", name="names")).not_to_be_checked()
    expect(again.get_by_label("Your text")).to_have_value(TEXT)
    for name in ("pos", "chunk"):
        again.get_by_role("checkbox", name=name).uncheck()
    expect(again.locator("#summary")).to_contain_text("2 sentences")
    expect(again.locator(".cell")).to_have_count(0)


def test_a_link_followed_on_the_page_itself_is_shown(visitor: Visitor) -> None:
    page = visitor.visit()
    visitor.go(page, "Another text.", model="two", layers="sense")
    expect(page.locator(".token").first).to_have_text("Another")
    expect(page.locator(".names").first).to_contain_text("1\nsense\n")
    expect(page.get_by_label("Model")).to_have_value("two")


def test_a_long_text_stays_out_of_the_link(visitor: Visitor) -> None:
    page = visitor.visit()
    page.get_by_label("Your text").fill("Many words. " * 400)
    expect(page.locator("#summary")).to_contain_text("400 sentences")
    assert len(page.url) < 200


def test_probabilities_on_hover_focus_and_tap(visitor: Visitor, service: str) -> None:
    page = visitor.visit()
    sentence = api_sentences(service, TEXT)[0]
    expected = [f"{100 * sentence['probabilities'][layer][1]:.1f} %" for layer in ("pos", "names", "chunk")]
    word = page.locator(".word").nth(1)
    tip = page.get_by_role("tooltip")
    expect(tip).to_be_hidden()
    word.locator(".cell").first.hover()
    expect(tip.locator(".probability")).to_have_text(expected[:1])
    expect(tip).to_contain_text(sentence["tags"]["pos"][1])
    word.locator(".token").hover()
    expect(tip.locator(".probability")).to_have_text(expected)
    page.locator("h1").hover()
    expect(tip).to_be_hidden()
    word.locator(".cell").nth(2).click()  # as a tap does
    page.locator("h1").hover()
    expect(tip.locator(".probability")).to_have_text(expected[2:])
    page.keyboard.press("Escape")
    expect(tip).to_be_hidden()
    spoken = word.locator(".cell").first.get_attribute("aria-label")
    assert spoken == f"pos {sentence['tags']['pos'][1]}, probability {expected[0]}"


def test_unsure_tags_are_marked(visitor: Visitor, service: str) -> None:
    page = visitor.visit()
    unsure = [p < 0.7 for p in api_sentences(service, TEXT)[0]["probabilities"]["pos"]]
    cells = page.locator("#sentences > li:first-child .word > :nth-child(2)")
    assert cells.evaluate_all("cells => cells.map(cell => cell.classList.contains('unsure'))") == unsure


def test_the_keyboard_reaches_everything_in_order(visitor: Visitor) -> None:
    page = visitor.visit()
    page.locator("h1").click()
    names = "e => e.id || e.value || e.textContent"
    stops = []
    for _ in range(18):
        page.keyboard.press("Tab")
        stops.append(page.evaluate(f"({names})(document.activeElement)"))
    head = ["model", "other", "help", "text", "tag", "example", "clear", "pos", "names", "chunk"]
    take = ["copy-conll", "copy-json", "save-conll", "save-json"]
    assert stops[:16] == [*head, *take, "Maria", "By"]


def test_arrows_walk_through_a_sentence(visitor: Visitor) -> None:
    page = visitor.visit()
    page.locator(".token").first.focus()
    expect(page.get_by_role("tooltip")).to_contain_text("Maria")
    for keys, token, row in [
        (["ArrowRight", "ArrowRight"], 2, 0),
        (["ArrowDown", "ArrowDown"], 2, 2),
        (["ArrowLeft", "ArrowUp"], 1, 1),
        (["End"], 7, 1),
        (["ArrowRight", "ArrowDown", "ArrowDown", "ArrowDown"], 7, 3),
        (["Home"], 0, 3),
    ]:
        for key in keys:
            page.keyboard.press(key)
        expect(page.locator(".word").nth(token).locator("> *").nth(row)).to_be_focused()
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Tab")
    expect(page.locator(".word").first.locator("> *").nth(3)).to_be_focused()


def test_shortcuts(visitor: Visitor) -> None:
    page = visitor.visit()
    page.keyboard.press("?")
    dialog = page.get_by_role("dialog")
    expect(dialog).to_be_visible()
    dialog.get_by_role("button", name="Close").click()
    expect(dialog).to_be_hidden()
    page.keyboard.press("2")
    expect(page.get_by_role("checkbox", name="names")).not_to_be_checked()
    page.keyboard.press("/")
    expect(page.get_by_label("Your text")).to_be_focused()
    page.keyboard.press("Control+a")
    page.keyboard.type("3 keys ?")
    expect(page.get_by_label("Your text")).to_have_value("3 keys ?")
    page.keyboard.press("Control+Enter")
    expect(page.locator(".token")).to_have_text(["3", "keys", "?"])
    page.get_by_role("button", name="Keyboard shortcuts").click()
    dialog.get_by_role("checkbox").uncheck()
    page.keyboard.press("Escape")
    page.locator("#tag").focus()
    page.keyboard.press("2")
    expect(page.get_by_role("checkbox", name="names")).not_to_be_checked()


def test_two_models_stand_together_and_differences_are_marked(visitor: Visitor, service: str) -> None:
    page = visitor.visit()
    page.get_by_label("compare with").select_option("two")
    expect(page.locator(".names").first).to_contain_text("1\npos A\npos B\nnames A\nnames B\nchunk A\nsense B\n")
    differing = 0
    for number, (ours, theirs) in enumerate(
        zip(api_sentences(service, TEXT), api_sentences(service, TEXT, "two"), strict=True), 1
    ):
        differs = [a != b for a, b in zip(ours["tags"]["pos"], theirs["tags"]["pos"], strict=True)]
        spans = [{(s["start"], s["end"], s["label"]) for s in side["spans"]["names"]} for side in (ours, theirs)]
        odd = {at for start, end, _ in spans[0] ^ spans[1] for at in range(start, end)}
        for row, expected in [(1, differs), (2, differs), (3, [at in odd for at in range(len(differs))])]:
            cells = page.locator(f"#sentences > li:nth-child({number}) .word > :nth-child({row + 1})")
            assert cells.evaluate_all("cells => cells.map(cell => cell.classList.contains('differs'))") == expected
        differing += sum(a or at in odd for at, a in enumerate(differs))
    assert differing
    expect(page.locator("#summary")).to_contain_text(f"the models differ on {differing} word")
    page.get_by_role("button", name="Next difference").click()
    expect(page.locator(".token.differs").first).to_be_focused()
    page.keyboard.press("n")
    expect(page.locator(".token.differs").nth(1)).to_be_focused()
    page.keyboard.press("3")
    expect(page.locator(".names").first).not_to_contain_text("chunk")
    expect(page.locator(".token.differs").nth(1)).to_be_focused()
    expect(page.get_by_role("tooltip")).to_contain_text("pos B")
    again = visitor.open()
    again.goto(page.url)
    expect(again.locator(".names").first).to_contain_text("pos A\npos B")


def test_the_probability_of_a_whole_span(visitor: Visitor, service: str) -> None:
    page = visitor.visit()
    sentence = api_sentences(service, TEXT)[0]
    layer, span = next((layer, spans[0]) for layer, spans in sentence["spans"].items() if spans)
    row = ("pos", "names", "chunk").index(layer)
    page.locator("#sentences > li:first-child .word").nth(span["start"]).locator(".cell").nth(row).hover()
    whole = f"{100 * span['probability']:.1f} %"
    expect(page.get_by_role("tooltip").locator(".whole")).to_have_text(f"span {whole}")
