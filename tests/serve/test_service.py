"""tagmates.serve.service in this process: its answers, its refusals, and its description in OpenAPI."""

import asyncio
import dataclasses
import importlib
import io
import json
import os
import sys
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

import httpx
import pytest
import schemathesis
from fastapi import FastAPI
from helpers import make_corpora, make_run
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from schemathesis.checks import load_all_checks

from tagmates.data.schemes import Scheme, spans_of
from tagmates.data.tokenize import Token, sentences_of, split_sentences, tokenize
from tagmates.errors import ModelError, TagmatesError
from tagmates.installed import get_extra
from tagmates.model.pretrained import BUNDLED_MODELS
from tagmates.model.tagged import Tagged
from tagmates.model.tagger import Tagger
from tagmates.serve.middleware import SECURITY_HEADERS
from tagmates.serve.requests import RequestSentence, TagRequest, read_request, sentences_in
from tagmates.serve.responses import licence_of
from tagmates.serve.service import PAGE_FOLDER, STREAM_TOKENS, create_service
from tagmates.serve.settings import Limits
from tagmates.serve.worker_thread import INLINE_BYTES

Value = TypeVar("Value")
TAGS = {"one": ["A", "B", "O"], "two": ["O", "B-x", "I-x"], "three": ["O", "S-q", "B-q", "E-q"]}
TAGGER = make_run(make_corpora(1, TAGS), "multi_dec").tagger
JOINT = make_run(make_corpora(2, TAGS), "te_enc").tagger  # its tasks share a decoder
TAGGERS = {"a": TAGGER, "joint": JOINT}
SERVICE = create_service(TAGGERS, Limits())
JSON = {"content-type": "application/json"}


def together(service: FastAPI, scenario: Callable[[httpx.AsyncClient], Awaitable[Value]]) -> Value:
    """Run a scenario with a client of the service."""

    async def main() -> Value:
        transport = httpx.ASGITransport(service)
        async with (
            service.router.lifespan_context(service),
            httpx.AsyncClient(transport=transport, base_url="http://localhost:8000", timeout=None) as client,
        ):
            return await scenario(client)

    return asyncio.run(main())


def ask(method: str, path: str, service: FastAPI = SERVICE, **options: Any) -> httpx.Response:
    async def scenario(client: httpx.AsyncClient) -> httpx.Response:
        return await client.request(method, path, **options)

    return together(service, scenario)


def post(question: object, service: FastAPI = SERVICE, path: str = "/api/tag") -> httpx.Response:
    # escaped, for httpx would not write a lone surrogate
    return ask("POST", path, service, content=json.dumps(question), headers=JSON)


def refused(response: httpx.Response, status: int, text: str) -> None:
    assert response.status_code == status, response.text
    (detail,) = response.json().values()
    assert text in detail
    assert "\n" not in detail


def lines(response: httpx.Response) -> list[dict[str, Any]]:
    assert response.headers["content-type"] == "application/x-ndjson"
    return [json.loads(line) for line in response.text.split("\n")[:-1]]


def expected(tagger: Tagger, tagged: Tagged) -> dict[str, Any]:
    chances = tagged.probabilities
    return {
        "tokens": list(tagged.tokens),
        "offsets": None if tagged.offsets is None else [list(pair) for pair in tagged.offsets],
        "tags": {task: list(tags) for task, tags in tagged.tags.items()},
        "probabilities": chances
        and {task: pytest.approx(list(values), rel=0, abs=1e-6) for task, values in chances.items()},
        "spans": {
            task: [
                {"start": s.start, "end": s.end, "label": s.label, **probability_of(tagged, task, number)}
                for number, s in enumerate(spans_of(own(tags, scheme), scheme))
            ]
            for task, tags in tagged.tags.items()
            if (scheme := tagger.schemes[task]) != "plain"
        },
    }


def probability_of(tagged: Tagged, task: str, number: int) -> dict[str, Any]:
    if tagged.span_probabilities is None:
        return {}
    return {"probability": pytest.approx(tagged.span_probabilities[task][number], rel=0, abs=1e-6)}


def own(tags: Sequence[str], scheme: Scheme) -> list[str]:
    """The tags, "O" where one is another task's, as one may be of a decoder that tasks share."""
    begins = {"iob2": ("B", "I"), "iobes": ("B", "I", "E", "S")}[scheme]
    return [tag if tag.partition("-")[0] in begins and (len(tag) == 1 or "-" in tag) else "O" for tag in tags]


# ---- answers


def test_the_page_and_its_files() -> None:
    assert ask("GET", "/").content == (PAGE_FOLDER / "index.html").read_bytes()
    assert ask("GET", "/").headers["content-type"] == "text/html; charset=utf-8"
    for path in PAGE_FOLDER.iterdir():
        if path.name != "index.html":
            assert ask("GET", f"/static/{path.name}").content == path.read_bytes()


@pytest.mark.parametrize(
    "path",
    [
        *("/static/nothing", "/static/", "/static/..%2fservice.py", "/static/%2e%2e/service.py", "/static//etc/passwd"),
        *("/static/../service.py", "/..%2f..%2f..%2fetc%2fpasswd", "/static/\\..\\x", "/docs", "/redoc", "/api/tag/"),
    ],
)
def test_no_other_file_is_reached(path: str) -> None:
    refused(ask("GET", path), 404, ": nothing is here; see /openapi.json")


def test_other_methods_are_refused() -> None:
    refused(ask("GET", "/api/tag"), 405, "/api/tag: GET is not answered here; see /openapi.json")
    assert ask("GET", "/api/tag").headers["allow"] == "POST"


def test_models_say_what_they_know() -> None:
    value = ask("GET", "/api/models").json()
    assert [model["name"] for model in value["models"]] == ["a", "joint"]
    assert [(task["name"], task["scheme"], sorted(task["labels"])) for task in value["models"][0]["tasks"]] == [
        ("one", "plain", sorted(TAGS["one"])),
        ("two", "iob2", sorted(TAGS["two"])),
        ("three", "iobes", sorted(TAGS["three"])),
    ]
    assert value["limits"] == Limits().model_dump()


def test_licences_are_those_of_the_cards(tmp_path: Path) -> None:
    assert licence_of(BUNDLED_MODELS / "en") == "cc-by-sa-4.0"
    card = tmp_path / "README.md"
    for text, licence in (
        ("---\nlanguage: en\nlicense: mit\n---\n# A", "mit"),
        ("---\nlicense: <script>\n---\n", None),
        ("---\n" + "a\n" * 100_000, None),
        ("# license: mit\n", None),
        ("", None),
    ):
        card.write_text(text, encoding="utf-8")
        assert licence_of(tmp_path) == licence
    card.rename(tmp_path / "other")
    assert licence_of(tmp_path) is None
    card.symlink_to(tmp_path / "other")
    with pytest.raises(ModelError, match="is a symbolic link"):
        licence_of(tmp_path)
    card.unlink()
    os.mkfifo(card)
    with pytest.raises(ModelError, match="is not a regular file"):
        licence_of(tmp_path)
    service = create_service(TAGGERS, Limits(), licences={"a": "mit"})
    assert [model["licence"] for model in ask("GET", "/api/models", service).json()["models"]] == ["mit", None]


TEXTS = ["Anna sleeps. Bob doesn't!\n\nÜnlü", "", " \n", "x" * 300, "a b " * 300]


@pytest.mark.parametrize("name", TAGGERS)
@pytest.mark.parametrize("probabilities", [False, True])
def test_texts_are_tagged_as_the_tagger_tags_them(name: str, probabilities: bool) -> None:
    tagger = TAGGERS[name]
    value = post({"texts": TEXTS, "model": name, "probabilities": probabilities}).json()
    assert (value["model"], value["tasks"]) == (name, list(tagger.tasks))
    assert value["documents"] == [
        {"sentences": [expected(tagger, tagged) for tagged in tagger.tag(text, probabilities=probabilities)]}
        for text in TEXTS
    ]
    for text, document in zip(TEXTS, value["documents"], strict=True):
        tokens = [token for sentence in sentences_of(text) for token in sentence]
        offsets = [pair for sentence in document["sentences"] for pair in sentence["offsets"]]
        assert offsets == [[token.start, token.end] for token in tokens]


def test_the_words_of_texts_have_the_marks_of_the_tagger() -> None:
    for name, tagger in TAGGERS.items():
        (document,) = post({"texts": ['“Yes” and "no" (a).'], "model": name}).json()["documents"]
        assert [s["tokens"] for s in document["sentences"]] == [
            list(t.tokens) for t in tagger.tag('“Yes” and "no" (a).')
        ]


def test_words_and_tasks() -> None:
    words = [["Anna", "sleeps"], [], ["", " ", "\0"]]
    for tasks in (["three", "one"], ["two"], []):
        value = post({"words": words, "tasks": tasks}).json()
        assert value["tasks"] == tasks
        assert value["documents"] == [{"sentences": [expected(TAGGER, tagged) for tagged in TAGGER.tag(words, tasks)]}]
    assert post({"words": []}).json()["documents"] == [{"sentences": []}]
    assert post({"texts": []}).json()["documents"] == []


questions = st.fixed_dictionaries(
    {
        "texts": st.lists(
            st.lists(st.sampled_from(["a", "b.", "Anna", "!", "ß", "\n\n"]), max_size=60).map(" ".join), max_size=3
        )
    },
    optional={
        "model": st.sampled_from(list(TAGGERS)),
        "tasks": st.lists(st.sampled_from(list(TAGS)), unique=True),
        "probabilities": st.booleans(),
    },
)


@settings(max_examples=5, suppress_health_check=[HealthCheck.too_slow])
@given(asked=st.lists(questions, min_size=2, max_size=20))
def test_company_changes_no_answer(asked: list[dict[str, Any]]) -> None:
    async def scenario(client: httpx.AsyncClient) -> list[Any]:
        posts = (client.post("/api/tag" + "/stream" * (i % 3 == 0), json=question) for i, question in enumerate(asked))
        return await asyncio.gather(*posts)

    for i, (question, response) in enumerate(zip(asked, together(SERVICE, scenario), strict=True)):
        tagger = TAGGERS[question.get("model", "a")]
        wanted = [
            [
                expected(tagger, t)
                for t in tagger.tag(text, question.get("tasks"), probabilities=question.get("probabilities", False))
            ]
            for text in question["texts"]
        ]
        if i % 3 == 0:
            numbered = [{"document": d, **sentence} for d, document in enumerate(wanted) for sentence in document]
            assert lines(response) == [*numbered, {"done": True}]
        else:
            assert [document["sentences"] for document in response.json()["documents"]] == wanted


@settings(max_examples=20)
@given(text=st.text(st.characters(exclude_categories=())))
def test_any_characters_are_tagged(text: str) -> None:
    """Lone surrogates, which are no characters, are read as U+FFFD; those of a pair as the character that they are."""
    response = post({"texts": [text, f"{text}\0 \u202e שלום \ud800"]})
    assert response.status_code == 200
    read = json.loads(json.dumps(text)).encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    sentences = response.json()["documents"][0]["sentences"]
    assert [s["tokens"] for s in sentences] == [[token.text for token in sentence] for sentence in sentences_of(read)]


# ---- refusals


@pytest.mark.parametrize(
    ("body", "status", "text"),
    [
        (b"", 400, "not JSON"),
        (b"\xff", 400, "not UTF-8 at byte 0"),
        (b'{"text": NaN}', 400, "NaN is not a number"),
        (b'{"text": ' + b"9" * 5000 + b"}", 400, "a number that is too long"),
        (b"[" * 100_000, 400, "nested too deeply"),
        (b'{"text":' * 100_000, 400, "nested too deeply"),
        (b"[]", 422, "body: Input should be"),
        (b"null", 422, "body: Input should be"),
        (b"{}", 422, "exactly one of text, texts and words"),
        (b'{"text": "a", "texts": []}', 422, "exactly one"),
        (b'{"text": 1}', 422, "body.text: Input should be a valid string"),
        (b'{"texts": "a"}', 422, "body.texts: "),
        (b'{"words": [["a", 1]]}', 422, "body.words.0.1: "),
        (b'{"words": [[["a"]]]}', 422, "body.words.0.0: "),
        (b'{"text": "a", "probabilities": "yes"}', 422, "body.probabilities: "),
        (b'{"text": "a", "more": 1}', 422, "body.more: is not a field of a request"),
        (b'{"text": "a", "model": "../b"}', 422, "model: there is no model '../b'; there are a, joint"),
        (b'{"text": "a", "tasks": ["one", "zero"]}', 422, "tasks: a has no task 'zero'; it has one, two, three"),
        (b'{"text": "a", "tasks": ["one", "one"]}', 422, "name each once"),
        (b'{"text": "a", "\\ud800\\n": 1}', 422, "is not a field of a request"),
    ],
)
@pytest.mark.parametrize("path", ["/api/tag", "/api/tag/stream"])
def test_what_is_no_request(path: str, body: bytes, status: int, text: str) -> None:
    refused(ask("POST", path, content=body, headers=JSON), status, text)


@pytest.mark.parametrize(
    ("limits", "question", "text"),
    [
        ({"body_bytes": 20}, {"text": "a" * 20}, "larger than 20 bytes"),
        ({"tokens": 5}, {"text": "a b c d. E f."}, "more than 5 words"),
        ({"texts": 2}, {"texts": ["", "", ""]}, "at most 2 a request"),
        ({"texts": 2}, {"words": [[], [], []]}, "at most 2 a request"),
        ({"sentence_tokens": 3}, {"text": "A b.\n\na b c d"}, "text 1, the sentence at character 6: has 4 words"),
        ({"sentence_tokens": 3}, {"words": [[], ["a"] * 4]}, "sentence 2: has 4 words"),
        ({"token_characters": 3}, {"texts": ["a", "b abcd"]}, "text 2, the sentence at character 0: a word of 4 char"),
        ({"sentence_characters": 4}, {"words": [["ab", "cde"]]}, "sentence 1: has more than 4 characters"),
        ({"sentence_characters": 4}, {"text": "A.\n\nab cd"}, "text 1, the sentence at character 4: has more than 4"),
        ({"characters": 5}, {"texts": ["abc", "def"]}, "more than 5 characters; send it in parts"),
        ({"characters": 5}, {"words": [["abc", "def"]]}, "more than 5 characters; send it in parts"),
    ],
)
def test_past_a_limit(limits: Mapping[str, int], question: object, text: str) -> None:
    service = create_service(TAGGERS, Limits(**limits))
    refused(post(question, service), 413, text)
    assert post({"text": "a b."}, service).status_code == 200
    if not limits.keys() & {"tokens", "characters"}:
        refused(post(question, service, "/api/tag/stream"), 413, text)


@pytest.mark.parametrize("path", ["/api/tag", "/api/tag/stream"])
@pytest.mark.parametrize("text", ["a " * 10**6, "a" * 10**6, "a. " + "b " * 10**6])
def test_long_sentences_are_refused_before_their_words_are_looked_for(
    path: str, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked = 0

    def counted(sentence: str) -> list[Token]:
        nonlocal looked
        looked += len(sentence)
        return tokenize(sentence)

    monkeypatch.setattr("tagmates.serve.requests.tokenize", counted)
    refused(post({"text": text}, path=path), 413, "more than 20")
    assert looked <= 2


@given(
    sentences=st.lists(
        st.text(st.sampled_from("aB. ,'\u201d)\n\u3000"), min_size=1, max_size=19).map(lambda text: f"A{text}!\n X"),
        max_size=40,
    )
)
def test_long_paragraphs_are_split_bit_by_bit_as_they_are_whole(sentences: list[str]) -> None:
    text = "".join(sentences)
    whole = split_sentences(text)
    longest = max((end - start for start, end in whole), default=0)
    assert list(sentences_in(text, longest)) == whole
    if longest > 1:
        cut = list(sentences_in(text, longest - 1))
        assert max(end - start for start, end in cut) >= longest


@pytest.mark.parametrize("key", ["texts", "words", "tasks"])
def test_a_million_problems_are_one(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    gathered = []
    monkeypatch.setattr(
        "tagmates.serve.requests.TagRequest.model_validate",
        lambda value: gathered.append(errors_in(value)) or TagRequest(text="a"),
    )
    limits = Limits(texts=10**6)
    for value in ([1] * 10**5, [[1] * 10**5] * 2):
        read_request(json.dumps({"text": "a", key: value}).encode(), limits)
    assert max(gathered) <= 2
    with pytest.raises(TagmatesError, match="k0: is not a field"):
        read_request(json.dumps({f"k{number}": 1 for number in range(10**5)}).encode(), limits)


def errors_in(value: object) -> int:
    with pytest.raises(ValidationError) as found:
        TagRequest.__pydantic_validator__.validate_python(value)
    return found.value.error_count()


def test_a_body_is_refused_before_it_is_all_here() -> None:
    taken = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal taken
        while True:
            taken += 1
            yield b" " * 100

    refused(
        ask("POST", "/api/tag", create_service(TAGGERS, Limits(body_bytes=1000)), content=endless(), headers=JSON),
        413,
        "1,000 bytes",
    )
    assert taken == 11
    headers = {**JSON, "content-length": "9" * 30}
    refused(ask("POST", "/api/tag", content=endless(), headers=headers), 413, "bytes")
    assert taken == 11


def test_all_bodies_together_are_bounded_and_slow_ones_given_up() -> None:
    service = create_service(TAGGERS, Limits(bodies_bytes=50, body_seconds=0.01))

    async def scenario(client: httpx.AsyncClient) -> None:
        begun = asyncio.Event()

        async def never_ending() -> AsyncIterator[bytes]:
            yield b" " * 40
            begun.set()
            await asyncio.Event().wait()

        slow = asyncio.create_task(client.post("/api/tag", content=never_ending(), headers=JSON))
        await begun.wait()
        many = await client.post("/api/tag", json={"text": "a"})
        refused(many, 429, "is reading too many other bodies")
        assert many.headers["retry-after"] == "5"
        refused(await slow, 408, "within 0.01 s")
        assert (await client.post("/api/tag", json={"text": "a"})).status_code == 200

    together(service, scenario)


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "", None])
def test_forms_are_refused(kind: str | None) -> None:
    headers = {} if kind is None else {"content-type": kind}
    refused(ask("POST", "/api/tag", content='{"text": "a"}', headers=headers), 415, "must be application/json")


HERE = {"host": "localhost:8000"}


@pytest.mark.parametrize(
    ("bound", "hosts", "headers", "status"),
    [
        ("127.0.0.1", [], HERE, 200),
        ("127.0.0.1", [], {"host": "127.0.0.1"}, 200),
        ("127.0.0.1", [], {"host": "[::1]:80"}, 200),
        ("127.0.0.1", [], {"host": "evil.example"}, 403),
        ("127.0.0.1", [], {"host": "localhost.evil.example:8000"}, 403),
        ("127.0.0.1", [], {"host": "192.168.0.1"}, 403),
        ("127.0.0.1", [], {"host": ""}, 403),
        ("127.0.0.1", [], {"host": "["}, 403),
        ("127.0.0.1", ["Tags.example"], {"host": "tags.example:80"}, 200),
        ("192.168.0.1", [], {"host": "192.168.0.1:8000"}, 200),
        ("0.0.0.0", [], {"host": "192.168.0.1:8000"}, 200),
        ("0.0.0.0", [], {"host": "evil.example"}, 403),
        ("127.0.0.1", [], HERE | {"origin": "http://localhost:8000"}, 200),
        ("127.0.0.1", [], HERE | {"origin": "http://localhost:3000"}, 403),
        ("127.0.0.1", [], HERE | {"origin": "https://evil.example"}, 403),
        ("127.0.0.1", [], HERE | {"origin": "null"}, 403),
        ("127.0.0.1", ["tags.example"], HERE | {"origin": "https://tags.example"}, 200),
    ],
)
def test_hosts_and_origins(bound: str, hosts: list[str], headers: dict[str, str], status: int) -> None:
    service = create_service(TAGGERS, Limits(), bound=bound, hosts=hosts)
    for method, path in (("GET", "/"), ("GET", "/metrics"), ("POST", "/api/tag")):
        response = ask(
            method, path, service, headers=headers | JSON, content='{"text": "a"}' if method == "POST" else None
        )
        assert response.status_code == status
        if status == 403:
            refused(response, 403, "--allow-host")


def test_every_answer_has_strict_headers_and_none_lets_other_sites_in() -> None:
    broken = create_service({"a": Broken.of(TAGGER)}, Limits())
    answers = {
        200: ask("GET", "/"),
        400: ask("POST", "/api/tag", content="", headers=JSON),
        403: ask("GET", "/", headers={"host": "evil.example"}),
        404: ask("GET", "/nothing"),
        405: ask("OPTIONS", "/api/tag", headers={"origin": "http://localhost:8000"}),
        415: ask("POST", "/api/tag"),
        422: post({}),
        500: post({"text": "a"}, broken),
    }
    for status, response in answers.items():
        assert response.status_code == status
        assert SECURITY_HEADERS.items() <= response.headers.items()
        assert not [name for name in response.headers if name.startswith("access-control")]


@settings(max_examples=30)
@given(body=st.binary() | st.text('[]{}",:\\u0d8textswords19-.e \n').map(str.encode))
def test_no_body_is_too_much(body: bytes) -> None:
    assert ask("POST", "/api/tag", content=body, headers=JSON).status_code in (200, 400, 422)


# ---- failures, and clients that leave


class Broken(Tagger):
    """Fails on any word "poison", and on everything where it is told to."""

    @classmethod
    def of(cls, tagger: Tagger) -> "Broken":
        return cls(**{field.name: getattr(tagger, field.name) for field in dataclasses.fields(tagger)})

    def tag(self, *_: object, **__: object) -> list[Tagged]:
        raise RuntimeError("out of\nmemory")


class Gated(Broken):
    """Tags once its gate is open."""

    gate = threading.Event()
    begun = threading.Event()

    def tag(self, *given: Any, **options: Any) -> list[Tagged]:
        self.begun.set()
        self.gate.wait()
        return Tagger.tag(self, *given, **options)


@pytest.fixture
def gated() -> Iterator[Gated]:
    tagger = Gated.of(TAGGER)
    Gated.gate.clear()
    Gated.begun.clear()
    assert isinstance(tagger, Gated)
    yield tagger
    Gated.gate.set()


def test_a_tagger_that_fails_is_an_error_and_not_the_end(caplog: pytest.LogCaptureFixture) -> None:
    service = create_service({"a": TAGGER, "b": Broken.of(TAGGER)}, Limits())

    async def scenario(client: httpx.AsyncClient) -> None:
        for path in ("/api/tag", "/api/tag/stream"):
            refused(await client.post(path, json={"text": "a", "model": "b"}), 500, "RuntimeError: out of memory")
            assert (await client.post(path, json={"text": "a"})).status_code == 200
            assert (await client.get("/healthz")).json() == {"status": "ok"}

    together(service, scenario)
    assert len(caplog.messages) == 2 and all("\n" not in text for text in caplog.messages)


def test_what_nobody_thought_of_is_an_error_of_one_line(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError("never\nmind")

    monkeypatch.setattr("tagmates.serve.service.read_request", fail)
    refused(post({"text": "a"}), 500, "something went wrong here (ZeroDivisionError)")
    assert caplog.messages == ["/api/tag: ZeroDivisionError: never mind"]


def test_a_dead_queue_is_no_health() -> None:
    async def scenario(client: httpx.AsyncClient) -> httpx.Response:
        SERVICE.state.tagging.cancel()
        await asyncio.wait([SERVICE.state.tagging])
        return await client.get("/healthz")

    refused(together(SERVICE, scenario), 503, "tagging has stopped")


def test_past_the_queue_and_past_the_time(gated: Gated) -> None:
    service = create_service({"a": gated}, Limits(tokens=10, queue_tokens=10, seconds=60))
    late = create_service({"a": gated}, Limits(seconds=0.001))

    async def scenario(client: httpx.AsyncClient) -> None:
        first = asyncio.create_task(client.post("/api/tag", json={"text": "a b c d e f"}))
        await asyncio.to_thread(gated.begun.wait)
        for path in ("/api/tag", "/api/tag/stream"):
            full = await client.post(path, json={"text": "a b c d e f"})
            refused(full, 429, "6 tokens are waiting (limit: 10)")
            assert int(full.headers["retry-after"]) >= 1
        gated.gate.set()
        assert (await first).status_code == 200
        assert (await client.post("/api/tag", json={"text": "a b c d e f"})).status_code == 200

    async def too_late(client: httpx.AsyncClient) -> None:
        for path in ("/api/tag", "/api/tag/stream"):
            refused(await client.post(path, json={"text": "a"}), 503, "not answered within 0.001 s")
            assert late.state.queue.load == 0
        gated.gate.set()

    together(service, scenario)
    gated.gate.clear()
    together(late, too_late)


def test_large_bodies_wait_apart_from_small_ones_and_are_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    gate = threading.Event()
    begun = []

    def slow(body: bytes, limits: Limits) -> TagRequest:
        begun.append(len(body))
        if len(body) > INLINE_BYTES:
            assert gate.wait(60)
        return read_request(body, limits)

    monkeypatch.setattr("tagmates.serve.service.read_request", slow)
    large = {"text": "A b c.\n\n" * 1000}
    service, late = (create_service(TAGGERS, Limits(seconds=seconds)) for seconds in (600, 0.01))

    async def scenario(client: httpx.AsyncClient) -> None:
        first, *others = (asyncio.create_task(client.post("/api/tag", json=large)) for _ in range(20))
        while not begun:
            await asyncio.sleep(0.001)
        for path in ("/api/tag", "/api/tag/stream"):
            assert (await client.post(path, json={"text": "a b."})).status_code == 200
        for other in others:
            other.cancel()
        await asyncio.wait(others)
        gate.set()
        assert (await first).status_code == 200
        assert (await client.post("/api/tag/stream", json=large)).status_code == 200
        assert sum(size > INLINE_BYTES for size in begun) == 2

    async def too_late(client: httpx.AsyncClient) -> None:
        for path in ("/api/tag", "/api/tag/stream"):
            refused(await client.post(path, json=large), 503, "not answered within 0.01 s")
        assert len(begun) == 1
        gate.set()

    together(service, scenario)
    gate.clear()
    begun.clear()
    together(late, too_late)


def scope(path: str) -> dict[str, Any]:
    headers = [(b"host", b"localhost"), (b"content-type", b"application/json")]
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": "POST",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": headers,
        "state": {},
    }


@pytest.mark.parametrize("path", ["/api/tag", "/api/tag/stream"])
def test_a_client_that_hangs_up_frees_its_place(path: str, gated: Gated) -> None:
    service = create_service({"a": gated}, Limits())

    async def scenario(client: httpx.AsyncClient) -> str:
        body = [{"type": "http.request", "body": b'{"text": "a b c. D e f."}', "more_body": False}]
        left = asyncio.Event()
        sent = []

        async def receive() -> dict[str, Any]:
            if body:
                return body.pop()
            await left.wait()
            return {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            sent.append(message)

        request = asyncio.create_task(service(scope(path), receive, send))
        await asyncio.to_thread(gated.begun.wait)
        assert service.state.queue.load == 8
        left.set()
        await request
        assert service.state.queue.load == 0
        assert not sent
        gated.gate.set()
        return (await client.get("/metrics")).text

    assert f'tagmates_requests_total{{route="{path}",status="499"}} 1.0' in together(service, scenario)


# ---- streams


def test_a_stream_has_the_sentences_of_all_texts_in_order() -> None:
    texts = ["Anna sleeps. Bob sings!", "", "A b c. " * 600]  # in three parts
    *found, last = lines(post({"texts": texts, "probabilities": True}, path="/api/tag/stream"))
    assert last == {"done": True}
    tagged = [(d, tagged) for d, text in enumerate(texts) for tagged in TAGGER.tag(text, probabilities=True)]
    assert found == [{"document": document, **expected(TAGGER, sentence)} for document, sentence in tagged]


def test_a_stream_that_goes_wrong_on_its_way_says_so_in_its_last_line() -> None:
    text = "A b c. " * (STREAM_TOKENS // 2) + "\n\n" + "word " * 2000
    *found, last = lines(post({"text": text}, path="/api/tag/stream"))
    assert found and all("tokens" in line for line in found)
    assert last == {
        "error": "text 1, the sentence at character 3502: has 2,000 words; at most 1,000: break it with an empty line"
    }
    service = create_service(TAGGERS, Limits(stream_seconds=1e-9))
    *found, last = lines(post({"text": "A b c. " * STREAM_TOKENS}, service, "/api/tag/stream"))
    assert found and "did not end within" in last["error"]


def test_no_number_that_is_none_of_json_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(tagger: Tagger, piece: RequestSentence, tagged: Tagged) -> dict[str, Any]:
        return {"tokens": piece.words, "probabilities": {"one": [float("nan") if "bad" in piece.words else 1.0]}}

    monkeypatch.setattr("tagmates.serve.service.sentence_out", broken)
    refused(post({"text": "bad"}), 500, "something went wrong here (ValueError)")
    refused(post({"text": "bad"}, path="/api/tag/stream"), 500, "something went wrong here (ValueError)")
    first, last = lines(post({"text": "A b.\n\nbad"}, path="/api/tag/stream"))
    assert first["tokens"] == ["A", "b", "."]
    assert last == {"error": "something went wrong here (ValueError); please report it"}


def test_a_reader_that_stops_reading_stops_the_tagging_and_holds_no_place() -> None:
    async def scenario(_: httpx.AsyncClient) -> None:
        body = [{"type": "http.request", "body": json.dumps({"text": "A b c. " * 5000}).encode(), "more_body": False}]
        full, room = asyncio.Event(), asyncio.Event()
        sent = []

        async def receive() -> dict[str, Any]:
            if body:
                return body.pop()
            await asyncio.Event().wait()
            raise AssertionError

        async def send(message: Any) -> None:
            sent.append(message)
            if len(sent) == 10:
                full.set()
                await room.wait()

        before = tagged_tokens()
        request = asyncio.create_task(SERVICE(scope("/api/tag/stream"), receive, send))
        await full.wait()
        assert tagged_tokens() - before <= STREAM_TOKENS + 4
        assert SERVICE.state.queue.load == 0
        room.set()
        await request
        assert tagged_tokens() - before == 20_000
        assert sent[-2]["body"] == b'{"done":true}\n'

    together(SERVICE, scenario)


def tagged_tokens() -> float:
    prefix = 'tagmates_tokens_total{model="a"} '
    found = [line for line in SERVICE.state.metrics.text().decode().split("\n") if line.startswith(prefix)]
    return float(found[0].removeprefix(prefix)) if found else 0.0


# ---- what it says about itself


def test_metrics() -> None:
    service = create_service(TAGGERS, Limits())

    async def scenario(client: httpx.AsyncClient) -> str:
        await client.post("/api/tag", json={"text": "a b c."})
        await client.get("/nothing%22%0a")
        return (await client.get("/metrics")).text

    text = together(service, scenario)
    for line in (
        'tagmates_requests_total{route="/api/tag",status="200"} 1.0',
        'tagmates_requests_total{route="other",status="404"} 1.0',
        'tagmates_request_seconds_count{route="/api/tag"} 1.0',
        'tagmates_tokens_total{model="a"} 4.0',
        "tagmates_queue_tokens 0.0",
        'tagmates_batch_tokens_bucket{le="10.0"} 1.0',
    ):
        assert line in text.split("\n")


load_all_checks()
ALONE = create_service(
    {"a": TAGGER}, Limits(), hosts=["testserver"]
)  # which tasks may be asked for depends on the model, in words only
rejections = {"negative_data_rejection": {"expected-statuses": [400, 405, 413, 415, 422]}}
described = schemathesis.Config.from_dict({"checks": rejections})
schema = schemathesis.openapi.from_asgi("/openapi.json", ALONE, config=described)


EXAMPLES = 500 if os.environ.get("HYPOTHESIS_PROFILE") == "thorough" else 15


@schema.parametrize()
@settings(max_examples=EXAMPLES, suppress_health_check=list(HealthCheck))
def test_answers_are_as_described(case: schemathesis.Case) -> None:
    case.call_and_validate()


def test_every_refusal_is_described() -> None:
    paths = ask("GET", "/openapi.json").json()["paths"]
    for path in ("/api/tag", "/api/tag/stream"):
        responses = paths[path]["post"]["responses"]
        assert set(responses) == {str(s) for s in (200, 400, 403, 408, 413, 415, 422, 429, 500, 503)}
        assert "Retry-After" in responses["429"]["headers"]
        for example in paths[path]["post"]["requestBody"]["content"]["application/json"]["examples"].values():
            assert post(example["value"], path=path).status_code == 200


# ---- the command


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--port", "65536"], "--port 65536: must be from 0 to 65535"),
        (["--threads", "0"], "--threads 0: must be 1 or more"),
        (["--queue", "10"], "queue_tokens 10 is less than tokens, 20000"),
        (["--timeout", "-1"], "limits: seconds: Input should be greater than 0"),
        (["--set", "body_byte=1"], "limits: unknown key 'body_byte' (did you mean 'body_bytes'?)"),
        (["--host", "256.0.0.1"], "--host 256.0.0.1 --port 8000: "),
    ],
)
def test_usage(
    arguments: list[str], text: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    code, said = command("nowhere", *arguments, capsys=capsys, monkeypatch=monkeypatch)
    assert (code, said.count("\n")) == (2, 1)
    assert said.startswith("tagmates: ") and text in said


def test_what_is_missing_is_named(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    code, said = command("nowhere", "--port", "0", capsys=capsys, monkeypatch=monkeypatch)
    assert code == 1 and "nowhere: no such folder" in said
    code, said = command("en", "./en", "--port", "0", capsys=capsys, monkeypatch=monkeypatch)
    assert code == 2 and "./en: another model is called en too" in said
    for name in ("tagmates.apps.cli", "tagmates.apps.serve"):  # read anew
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    assert command("nowhere", capsys=capsys, monkeypatch=monkeypatch) == (
        2,
        f"tagmates: needs the package uvicorn: {get_extra('serve')}\n",
    )


def test_a_service_that_does_not_start_does_not_say_that_it_serves(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    @asynccontextmanager
    async def no_start(app: FastAPI) -> AsyncIterator[None]:
        raise RuntimeError
        yield

    serve = importlib.import_module("tagmates.apps.serve")
    monkeypatch.setattr(serve, "create_service", lambda *_, **__: FastAPI(lifespan=no_start))
    code, said = command("en", "--port", "0", capsys=capsys, monkeypatch=monkeypatch)
    assert (code, said.count("\n")) == (1, 1)
    assert said.startswith("tagmates: the service could not start") and get_extra("serve") in said


def command(*arguments: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> tuple[Any, str]:
    monkeypatch.setattr(sys, "argv", ["tagmates", "serve", *arguments])
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BytesIO()))
    cli = importlib.import_module("tagmates.apps.cli")
    with pytest.raises(SystemExit) as ended:
        cli.main()
    return ended.value.code, capsys.readouterr().err
