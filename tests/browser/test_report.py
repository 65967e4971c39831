"""The page of a report on phones and on paper: complete, legible, and not too wide or long."""

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page
from published_records import published_records
from report_studies import PAPER, make_records, make_report

from tagmates.report.figures import figures
from tagmates.report.model import Report
from tagmates.report.page import write_report
from tagmates.study.published import PAPER_TASKS, published_statistics
from tagmates.study.settings import StudySettings

pytestmark = pytest.mark.browser
PHONES = (320, 360, 390)
A4 = {"width": 186, "height": 273}  # millimetres within the margins
PIXELS = 96 / 25.4  # a millimetre


def paper() -> Report:
    rows = [
        {"sentences_all": 1, "token_type_train": 1.0, "token_type_all": 1.0, **row} for row in published_statistics()
    ]
    return make_report(PAPER, PAPER_TASKS, published_records(sentences=50), statistics=rows)


def own() -> Report:
    study, tasks = StudySettings(), ("parts", "chunks", "names", "supersenses")
    rows = [{**row, "task": task} for task, row in zip(tasks, paper().statistics, strict=False)]
    records = make_records(study, tasks, sentences=50)
    return replace(make_report(study, tasks, records, statistics=rows), published={})


@pytest.fixture(scope="module", params=[paper, own], ids=["paper", "own"])
def address(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    report = request.param()
    return write_report(report, tmp_path_factory.mktemp("report"), figures(report)).as_uri()


@pytest.fixture
def page(browser: Browser, address: str, request: pytest.FixtureRequest) -> Iterator[Page]:
    """The report on a phone of so many pixels, all that is folded opened."""
    size = {"width": request.param, "height": 740}
    context = browser.new_context(viewport=size, device_scale_factor=2, is_mobile=True, has_touch=True)
    page = context.new_page()
    page.goto(address)
    page.evaluate("document.querySelectorAll('details').forEach(part => { part.open = true })")
    yield page
    context.close()


@pytest.mark.parametrize("page", PHONES, indirect=True)
def test_a_phone_scrolls_tables_and_figures_in_their_frames_only(page: Page) -> None:
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    frames = page.locator(".canvas, .scroll").evaluate_all(
        """frames => frames.map(frame => {
          const box = frame.getBoundingClientRect(), style = getComputedStyle(frame);
          const content = frame.firstElementChild.getBoundingClientRect();
          return [box.left >= 0 && box.right <= innerWidth + 1, content.width <= frame.clientWidth + 1,
                  style.overflowX, style.backgroundImage.split("linear-gradient").length - 1];
        })"""
    )
    assert len(frames) > 10
    for is_inside, fits, overflow, shades in frames:
        assert is_inside
        assert fits or (overflow == "auto" and shades == 4)  # what scrolls is seen to
    assert any(not fits for _, fits, _, _ in frames)


@pytest.mark.parametrize("page", PHONES, indirect=True)
def test_letters_are_large_enough_on_a_phone(page: Page) -> None:
    sizes = page.evaluate(
        """() => [...document.querySelectorAll("body *")].filter(e => !e.closest("svg") &&
          [...e.childNodes].some(n => n.nodeType === 3 && n.data.trim()) && e.getClientRects().length)
          .map(e => parseFloat(getComputedStyle(e).fontSize))"""
    )
    assert min(sizes) >= 11.9
    drawn = page.locator(".canvas svg").evaluate_all(
        """all => all.flatMap(svg => { const scale = svg.getBoundingClientRect().width / svg.viewBox.baseVal.width;
          return [...svg.querySelectorAll("text")].map(t => scale * parseFloat(getComputedStyle(t).fontSize)) })"""
    )
    assert min(drawn) >= 10


@pytest.mark.parametrize("page", PHONES, indirect=True)
def test_no_word_is_broken_inside_a_table(page: Page) -> None:
    """Every run of letters stands on one line."""
    broken = page.evaluate(
        """() => { const found = [], range = document.createRange();
          for (const cell of document.querySelectorAll("th, td, caption, figcaption, h1, h2, p, dt, dd")) {
            const walker = document.createTreeWalker(cell, NodeFilter.SHOW_TEXT);
            for (let node; (node = walker.nextNode());) {
              for (const word of node.data.matchAll(/[\\p{L}\\p{N}]+/gu)) {
                range.setStart(node, word.index);
                range.setEnd(node, word.index + word[0].length);
                if (new Set([...range.getClientRects()].map(box => Math.round(box.top))).size > 1) found.push(word[0]);
              }
            }
          }
          return found; }"""
    )
    assert broken == []


@pytest.mark.parametrize("size", ["A4", "Letter"])
def test_paper_is_upright_and_filled(browser: Browser, address: str, size: str) -> None:
    """Not many more pages than all that is printed would fill if it were poured on them."""
    page = browser.new_page(viewport={"width": round(A4["width"] * PIXELS), "height": round(A4["height"] * PIXELS)})
    page.goto(address)
    pdf = page.pdf(format=size)
    page.emulate_media(media="print")
    poured = page.evaluate("document.body.scrollHeight") / PIXELS / A4["height"]
    sheets = [tuple(map(float, box)) for box in re.findall(rb"/MediaBox \[0 0 ([\d.]+) ([\d.]+)\]", pdf)]
    assert all(height > width for width, height in sheets)
    assert poured <= len(sheets) + 1
    assert len(sheets) <= 1.35 * poured + 1
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.close()


def test_only_tables_of_many_columns_turn_the_paper(browser: Browser, tmp_path: Path) -> None:
    study = StudySettings(regimes=("single", "pair"), seeds=(1,))
    tasks = tuple(f"task{i}" for i in range(18))
    some = [record for record in make_records(study, tasks[:3]) if record.test]
    page = browser.new_page()
    page.goto(write_report(make_report(study, tasks, some), tmp_path).as_uri())
    boxes = re.findall(rb"/MediaBox \[0 0 ([\d.]+) ([\d.]+)\]", page.pdf(prefer_css_page_size=True))
    turned = [float(width) > float(height) for width, height in boxes]
    assert any(turned) and not all(turned)
    page.close()
