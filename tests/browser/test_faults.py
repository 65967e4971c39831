"""The page, if text contains scripts, or if the service is busy, refuses, fails or does not answer."""

from urllib.parse import quote

import pytest
from playwright.sync_api import Page, Route, expect
from visitor import HOSTILE, SCRIPT, TEXT, Visitor

pytestmark = pytest.mark.browser
TAG = "**/api/tag/stream"


def refuse(page: Page, status: int, detail: str, headers: dict[str, str] | None = None, times: int = 1) -> None:
    page.route(TAG, lambda route: route.fulfill(status=status, json={"detail": detail}, headers=headers), times=times)


def test_nothing_that_is_shown_is_markup(visitor: Visitor) -> None:
    text = f"{SCRIPT} <script>alert(3)</script> <b onclick=alert(4)>bold</b> \"'&amp;"
    page = visitor.visit(text, model=SCRIPT, layers="pos,names")
    expect(page.get_by_label("Model", exact=True)).to_have_value(SCRIPT)
    seen = set(page.locator(".chip .label").all_text_contents())
    assert seen
    assert seen <= set(HOSTILE["pos"])
    page.locator(".token").nth(2).hover()
    expect(page.get_by_role("tooltip")).to_be_visible()
    page.get_by_label("compare with").select_option("one")
    expect(page.locator("#sides")).to_contain_text(SCRIPT)
    expect(page.locator("main img, main b, #tip img, #sentences script")).to_have_count(0)


def test_nothing_in_a_link_is_markup(visitor: Visitor) -> None:
    page = visitor.open()
    for field in ("model", "with", "layers", "text", "unknown"):
        page.goto("about:blank")
        page.goto(f"{visitor.link(None)}#{field}={quote(SCRIPT)}")
        expect(page.locator(".word").first).to_be_visible()
        expect(page.locator("main img")).to_have_count(0)


def test_nothing_that_the_service_says_is_markup(visitor: Visitor) -> None:
    page = visitor.visit()
    refuse(page, 413, SCRIPT)
    page.get_by_role("button", name="Tag").click()
    expect(page.get_by_role("alert")).to_have_text(SCRIPT)
    visitor.complaints.remove("Failed to load resource: the server responded with a status of 413 (Payload Too Large)")


def test_a_limit_is_named_and_the_text_stays(visitor: Visitor) -> None:
    page = visitor.visit()
    page.get_by_label("Your text").fill("word " * 1001)
    expect(page.get_by_role("alert")).to_contain_text("at most 1,000")
    expect(page.locator(".token").first).to_have_text("Maria")
    assert page.get_by_label("Your text").input_value() == "word " * 1001
    page.get_by_label("Your text").fill("Short again.")
    expect(page.locator(".token").first).to_have_text("Short")
    expect(page.get_by_role("alert")).to_be_empty()
    assert len(visitor.complaints) == 1
    visitor.complaints.clear()


def test_a_busy_service_is_asked_again_when_it_says(visitor: Visitor) -> None:
    page = visitor.visit()
    page.clock.install()
    refuse(page, 429, "the queue is full", {"Retry-After": "7"}, times=2)
    page.get_by_label("Your text").fill("Second text.")
    page.keyboard.press("Control+Enter")
    expect(page.get_by_role("status")).to_have_text("The service is busy. The next try is in 7 s.")
    expect(page.locator(".token").first).to_have_text("Maria")
    with page.expect_request(TAG):
        page.clock.run_for(7000)
    expect(page.get_by_role("status")).to_have_text("The service is busy. The next try is in 7 s.")
    page.clock.run_for(6900)
    expect(page.locator(".token").first).to_have_text("Maria")
    page.clock.run_for(200)
    expect(page.locator(".token").first).to_have_text("Second")
    expect(page.get_by_role("status")).to_be_empty()
    assert len(visitor.complaints) == 2
    visitor.complaints.clear()


def test_a_service_that_is_gone_is_said_to_be_and_the_text_stays(visitor: Visitor) -> None:
    page = visitor.visit()
    page.route("**/api/**", lambda route: route.abort("connectionrefused"))
    page.get_by_label("Your text").fill("Written in vain?")
    expect(page.get_by_role("alert")).to_contain_text("does not answer")
    expect(page.get_by_label("Your text")).to_have_value("Written in vain?")
    expect(page.locator(".token").first).to_have_text("Maria")
    page.unroute("**/api/**")
    page.get_by_role("button", name="Tag").click()
    expect(page.locator(".token").first).to_have_text("Written")
    expect(page.get_by_role("alert")).to_be_empty()
    assert len(visitor.complaints) == 1
    visitor.complaints.clear()


def test_a_page_opened_before_the_service_is_there(visitor: Visitor) -> None:
    page = visitor.open()
    page.route("**/api/**", lambda route: route.abort("connectionrefused"))
    page.goto(visitor.link(TEXT, model="two"))
    expect(page.get_by_role("alert")).to_contain_text("does not answer")
    page.unroute("**/api/**")
    page.get_by_role("button", name="Tag").click()
    expect(page.locator(".token").first).to_have_text("Maria")
    expect(page.get_by_label("Model", exact=True)).to_have_value("two")
    visitor.complaints.clear()


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ('{"error": "the text: took too long; send less"}\n', "took too long"),
        ("", "was interrupted"),
        ("nonsense\n", "was interrupted"),
    ],
)
def test_an_answer_that_breaks_off(visitor: Visitor, body: str, said: str) -> None:
    page = visitor.visit()

    def cut(route: Route) -> None:
        route.fulfill(status=200, body=body, content_type="application/x-ndjson")

    page.route(TAG, cut)
    page.get_by_label("Your text").fill("Second text.")
    expect(page.get_by_role("alert")).to_contain_text(said)
    expect(page.locator(".token").first).to_have_text("Maria")
