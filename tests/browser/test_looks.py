"""The look of the page: contrast, narrow windows, right-to-left text, long texts, and accessibility (axe)."""

from itertools import pairwise

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect
from visitor import SCRIPT, TEXT, Visitor

pytestmark = pytest.mark.browser
ARABIC = "12 كتاب على الطاولة. ذهبت مريم إلى السوق."


def check_with_axe(page: Page) -> None:
    found = Axe().run(page).response["violations"]
    wrong = [f"{v['id']}: {n['html']}" for v in found if v["impact"] in ("serious", "critical") for n in v["nodes"]]
    assert wrong == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(visitor: Visitor, scheme: str) -> None:
    page = visitor.open(color_scheme=scheme)
    visitor.go(page)
    page.locator(".token").first.hover()
    expect(page.get_by_role("tooltip")).to_be_visible()
    check_with_axe(page)
    page.get_by_label("compare with").select_option("two")
    expect(page.locator("#sides")).to_be_visible()
    check_with_axe(page)
    page.keyboard.press("?")
    check_with_axe(page)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_hue_is_legible(visitor: Visitor, scheme: str) -> None:
    """WCAG's contrast of text on each ground that a label may stand on, for all 360 hues."""
    page = visitor.open(color_scheme=scheme)
    visitor.go(page, **{"with": "two"})
    lowest = page.evaluate(
        """() => {
          const pen = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
          const luminance = (colour) => {
            pen.fillStyle = colour;
            pen.fillRect(0, 0, 1, 1);
            const [r, g, b] = [...pen.getImageData(0, 0, 1, 1).data].map((v) => {
              const c = v / 255;
              return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
            });
            return 0.2126 * r + 0.7152 * g + 0.0722 * b;
          };
          const contrast = (a, b) => (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
          const cell = document.querySelector(".cell.chip");
          const label = cell.querySelector(".label");
          const differs = document.querySelector(".cell.differs");
          const paper = getComputedStyle(document.body).backgroundColor;
          const grounds = [paper, getComputedStyle(differs).backgroundColor];
          const soft = getComputedStyle(document.querySelector("#summary")).color;
          let lowest = Math.min(...grounds.map((ground) => contrast(luminance(soft), luminance(ground))));
          for (let hue = 0; hue < 360; hue++) {
            cell.style.setProperty("--hue", hue);
            const ink = luminance(getComputedStyle(cell).color);
            for (const ground of [getComputedStyle(label).backgroundColor, ...grounds]) {
              lowest = Math.min(lowest, contrast(ink, luminance(ground)));
            }
          }
          return lowest;
        }"""
    )
    assert lowest >= 4.5


def test_colours_belong_to_labels(visitor: Visitor) -> None:
    page = visitor.visit()
    hues = page.evaluate(
        """async () => {
          const { hueOf } = await import("/static/colours.js");
          return ["NOUN", "NOUN", "", "n.PERSON", "名詞", "😀"].map(hueOf);
        }"""
    )
    assert hues[0] == hues[1]
    assert all(0 <= hue < 360 for hue in hues)
    shown = page.locator(".chip").evaluate_all("cells => cells.map(c => [c.textContent, c.style.cssText])")
    assert len({style for _, style in shown}) == len({label for label, _ in shown})


@pytest.mark.parametrize("link", [{}, {"with": "two"}, {"model": SCRIPT}])
def test_a_phone_scrolls_in_one_direction_only(visitor: Visitor, link: dict[str, str]) -> None:
    page = visitor.open(viewport={"width": 360, "height": 740}, has_touch=True)
    visitor.go(page, f"{TEXT} {'Donaudampfschifffahrt' * 9}://{'x' * 80} stays.", **link)
    width = "document.scrollingElement.scrollWidth"
    assert page.evaluate(width) <= 360
    page.locator(".word").nth(4).locator(".cell").first.tap()
    box = page.get_by_role("tooltip").bounding_box()
    assert box is not None
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= 360
    assert page.evaluate(width) <= 360
    page.get_by_role("button", name="Keyboard shortcuts").click()
    assert page.evaluate(width) <= 360


@pytest.mark.parametrize("width", [1180, 360])
def test_words_and_tags_stand_in_columns_and_rows(visitor: Visitor, width: int) -> None:
    page = visitor.open(viewport={"width": width, "height": 740})
    visitor.go(page)
    boxes = page.locator("#sentences > li:first-child .word").evaluate_all(
        """words => words.map(word => [...word.children].map(cell => {
          const box = cell.getBoundingClientRect();
          return [box.left, box.top, box.right];
        }))"""
    )
    lines = {word[0][1] for word in boxes}
    assert len(lines) > 1 or width > 360
    for line in lines:
        on = [word for word in boxes if word[0][1] == line]
        for row in range(4):
            assert len({round(word[row][1], 1) for word in on}) == 1
    for word in boxes:
        assert len({round(cell[0], 1) for cell in word}) == 1
        assert word[0][2] <= width


def test_the_names_of_rows_stand_beside_every_line(visitor: Visitor) -> None:
    page = visitor.open(viewport={"width": 700, "height": 740})
    visitor.go(page, " ".join([*["nobody"] * 40, "."]))
    heights = page.evaluate(
        """() => ['.names', '.words'].map(s => parseFloat(getComputedStyle(document.querySelector(s)).height))"""
    )
    line = page.evaluate("parseFloat(getComputedStyle(document.querySelector('.token')).height)")
    tops = page.locator(".token").evaluate_all("all => [...new Set(all.map(t => t.getBoundingClientRect().top))]")
    assert len(tops) > 2
    for above, below in pairwise(tops):
        assert below - above == pytest.approx(5 * line, abs=0.1)  # words, three layers, a gap: as in the names
    assert heights[0] == pytest.approx(heights[1] - line, abs=1)


def test_text_from_right_to_left(visitor: Visitor) -> None:
    page = visitor.visit(ARABIC)
    tokens = page.locator("#sentences > li:first-child .token")
    places = tokens.evaluate_all("all => all.map(t => t.getBoundingClientRect().left)")
    assert places == sorted(places, reverse=True)
    page.locator(".token").first.focus()
    page.keyboard.press("ArrowLeft")
    expect(page.locator(".token").nth(1)).to_be_focused()
    assert page.get_by_label("Your text").evaluate("e => e.matches(':dir(rtl)')")


def test_thousands_of_sentences_are_drawn_where_one_looks(visitor: Visitor) -> None:
    page = visitor.visit()
    page.get_by_label("Your text").fill("Nobody went home. " * 5000)
    expect(page.locator("#summary")).to_contain_text("5,000 sentences", timeout=60_000)
    assert page.locator(".words").count() < 100
    page.evaluate("scrollTo(0, document.body.scrollHeight)")
    expect(page.locator("#sentences > li:last-child .token").first).to_have_text("Nobody")
    assert page.locator(".words").count() < 150
    page.locator("#sentences > li:last-child .token").first.focus()
    page.keyboard.press("2")
    expect(page.locator("#sentences > li:last-child .word").first.locator(".cell")).to_have_count(2)
