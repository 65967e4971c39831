"""The spaCy component: a Doc gets what ``Tagger.tag`` says of the same words."""

import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import spacy
from helpers import make_corpora, make_run
from hypothesis import given, settings
from hypothesis import strategies as st
from spacy.language import Language
from spacy.tokens import Doc, Token

from tagmates import ConfigError, ModelError, Tagger
from tagmates.apps.spacy_component import TagmatesComponent
from tagmates.batching.vectors import Vectors
from tagmates.data.schemes import spans_of
from tagmates.data.tokenize import sentences_of

TAGS: Mapping[str, Sequence[str]] = {
    "upos": ["NOUN", "CONJ", "VERB", "PUNCT"],
    "xpos": ["NN", "CC", "-LRB-"],
    "ner": ["O", "B-PER", "I-PER", "B-LOC", "I-LOC"],
    "mwe": ["O", "B", "I"],
    "traits": ["O", "some", "other"],
}
TEXT = "Anna met Bob.\n\n  She smiled 😀 (at him)! Then   she left, and so did Mr. Bean."


def made(tags: Mapping[str, Sequence[str]], sharing: str = "multi_dec") -> Tagger:
    return make_run(make_corpora(1, tags), sharing, training={"batch_size": 8}).tagger  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def tagger() -> Tagger:
    return made(TAGS)


@pytest.fixture(scope="module")
def folder(tagger: Tagger, tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("model")
    tagger.save_pretrained(path)
    return str(path)


@pytest.fixture(scope="module")
def nlp(folder: str) -> Language:
    return pipeline(folder)


def pipeline(model: str, **config: object) -> Language:
    nlp = spacy.blank("en")
    nlp.add_pipe("tagmates", config={"model": model, **config})
    return nlp


def component(nlp: Language) -> TagmatesComponent:
    found = nlp.get_pipe("tagmates")
    assert isinstance(found, TagmatesComponent)
    return found


def words(doc: Doc) -> list[list[Token]]:
    """The tokens of each sentence that have a tag."""
    sentences = ([token for token in sentence if not token.is_space] for sentence in doc.sents)
    return [tokens for tokens in sentences if tokens]


def check(doc: Doc, tagger: Tagger) -> None:
    """The doc says in all its places what the tagger says of its words."""
    sentences = words(doc)
    tagged = tagger.tag([[token.text for token in tokens] for tokens in sentences])
    spans: dict[str, list[tuple[int, int, str]]] = {task: [] for task in tagger.tasks}
    for tokens, sentence in zip(sentences, tagged, strict=True):
        for i, token in enumerate(tokens):
            assert token._.tagmates == {task: sentence.tags[task][i] for task in tagger.tasks}
            assert token.pos_ == sentence.tags["upos"][i]
            assert token.tag_ == sentence.tags["xpos"][i]
        for task in tagger.tasks:
            for span in spans_of(sentence.tags[task], tagger.schemes[task]):
                spans[task].append((tokens[span.start].i, tokens[span.end - 1].i + 1, span.label or task))
    assert {task: [(s.start, s.end, s.label_) for s in group] for task, group in doc.spans.items()} == spans
    assert [(ent.start, ent.end, ent.label_) for ent in doc.ents] == spans["ner"]
    for token in doc:
        if token.is_space:
            assert (token.pos_, token.tag_, token._.tagmates) == ("", "", {})


def test_a_doc_says_what_the_tagger_says(nlp: Language, tagger: Tagger) -> None:
    doc = nlp(TEXT)
    check(doc, tagger)
    assert any(doc.spans["mwe"])
    assert Doc(nlp.vocab).from_bytes(doc.to_bytes()).to_json() == doc.to_json()


@settings(max_examples=30)
@given(text=st.text(max_size=60) | st.text(alphabet="aB. \n\t?\"'😀\u200b\u00a0\u3000", max_size=60))
def test_any_text_gives_a_valid_doc(nlp: Language, tagger: Tagger, text: str) -> None:
    doc = nlp(text)
    assert doc.text == text
    assert [token.i for sentence in doc.sents for token in sentence] == list(range(len(doc)))
    check(doc, tagger)


def test_the_model_in_the_box_serves_by_default() -> None:
    nlp = spacy.blank("en")
    nlp.add_pipe("tagmates")
    doc = nlp("Prices in Berlin fell sharply.")
    assert [token.pos_ for token in doc] == ["NOUN", "ADP", "PROPN", "VERB", "ADV", "PUNCT"]
    assert [token.tag_ for token in doc] == ["NNS", "IN", "NNP", "VBD", "RB", "."]
    assert list(doc.spans) == ["upos", "xpos", "mwe", "supsense"]


@pytest.mark.parametrize("text", ["", " ", "\n\n", "\u3000", "😀", "a", " a"])
def test_hardly_any_text(nlp: Language, tagger: Tagger, text: str) -> None:
    check(nlp(text), tagger)


def test_sentences_are_those_of_the_tagger_unless_a_pipe_has_set_them(nlp: Language, folder: str) -> None:
    ours = ["".join(token.text for token in sentence) for sentence in sentences_of(TEXT)]
    assert ["".join(token.text for token in tokens) for tokens in words(nlp(TEXT))] == ours

    @Language.component("one_sentence")
    def one_sentence(doc: Doc) -> Doc:
        for token in doc:
            token.is_sent_start = token.i == 0
        return doc

    other = pipeline(folder)
    other.add_pipe("one_sentence", first=True)
    assert len(list(other(TEXT).sents)) == 1
    check(other(TEXT), component(other).tagger)


def test_a_sentence_may_begin_inside_a_token(nlp: Language, tagger: Tagger) -> None:
    doc = nlp.get_pipe("tagmates")(Doc(nlp.vocab, words=["It ends. Then", "it", "goes", "on"]))
    assert [sentence.text for sentence in doc.sents] == ["It ends. Then", "it goes on"]
    check(doc, tagger)


TEXTS = ["Anna met Bob.", "", "She smiled. He did not.", "\n", *(f"Number {i} came ." for i in range(20)), ""]


@pytest.mark.parametrize("batch_size", [1, 3, 1000])
def test_many_docs_are_filled_as_one_by_one_and_in_order(nlp: Language, batch_size: int) -> None:
    together = list(nlp.pipe(TEXTS, batch_size=batch_size))
    assert [doc.to_json() for doc in together] == [nlp(text).to_json() for text in TEXTS]


def test_docs_are_read_no_further_than_a_batch(nlp: Language) -> None:
    taken = 0

    def endless() -> Iterator[str]:
        nonlocal taken
        while True:
            taken += 1
            yield "Anna met Bob."

    docs = nlp.pipe(endless(), batch_size=10)
    for _ in range(25):
        next(docs)
    assert taken <= 31


def test_an_error_is_the_business_of_the_pipeline_s_handler(folder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    nlp = pipeline(folder)
    own = component(nlp)
    fill = own._fill

    def fails(docs: Sequence[Doc]) -> None:
        if any("bad" in doc.text for doc in docs):
            raise ModelError("bad: is bad")
        fill(docs)

    monkeypatch.setattr(own, "_fill", fails)
    with pytest.raises(ModelError, match="bad: is bad"):
        list(nlp.pipe(["good", "bad"], batch_size=1))
    lost: list[str] = []

    def keep(name: str, proc: object, docs: Iterable[Doc], error: Exception) -> None:
        lost.extend(f"{name}: {doc.text}: {error}" for doc in docs)

    nlp.set_error_handler(keep)  # type: ignore[arg-type]
    assert [doc.text for doc in nlp.pipe(["good", "bad", "better"], batch_size=1)] == ["good", "better"]
    assert lost == ["tagmates: bad: bad: is bad"]


def test_layers_go_where_the_settings_say(folder: str) -> None:
    doc = pipeline(folder, tasks=["ner", "mwe", "xpos"], tag="ner", ents="mwe")(TEXT)
    assert list(doc.spans) == ["ner", "mwe", "xpos"]
    assert not doc.has_annotation("POS")  # a default is only for what is there
    assert [token.tag_ for token in doc] == [token._.tagmates.get("ner", "") for token in doc]
    assert [(e.start, e.end, e.label_) for e in doc.ents] == [(s.start, s.end, "mwe") for s in doc.spans["mwe"]]
    off = pipeline(folder, pos=None, tag=None, ents=None)(TEXT)
    assert not any(off.has_annotation(name) for name in ("POS", "TAG", "ENT_IOB"))
    assert set(off[0]._.tagmates) == set(TAGS)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"tasks": ["upos", "tense"]}, "tagmates: tasks: there is no layer 'tense'; choose among upos, xpos, ner, mwe"),
        ({"pos": "tense"}, "tagmates: pos: there is no layer 'tense'"),
        ({"tasks": ["upos"], "ents": "mwe"}, "tagmates: ents: there is no layer 'mwe'; choose among upos"),
        ({"pos": "xpos"}, "tagmates: pos: no tag of 'xpos' is a universal one"),
    ],
)
def test_settings_that_cannot_be(folder: str, config: dict[str, object], message: str) -> None:
    nlp = pipeline(folder, **config)
    with pytest.raises(ConfigError) as error:
        nlp("Anna met Bob.")
    assert str(error.value).startswith(message)


def test_a_model_that_is_not_there() -> None:
    with pytest.raises(ModelError, match="nowhere: no such folder"):
        pipeline("nowhere")("Anna met Bob.")


def test_tags_that_are_not_universal_stay_out_of_pos(tmp_path: Path) -> None:
    shared = made({"upos": ["NOUN", "VERB"], "other": ["y", "z"]}, "te_dec")  # one label space
    shared.save_pretrained(tmp_path)
    for token in pipeline(str(tmp_path))(TEXT):
        tag = token._.tagmates.get("upos", "")
        assert token.pos_ == (tag if tag in ("NOUN", "VERB") else "")


@pytest.fixture
def with_vectors(tagger: Tagger) -> Tagger:
    """Its vectors come from somewhere else than the model's folder, and decide the tags of new words."""
    draw = np.random.default_rng(1)
    index = {word: i for i, word in enumerate(["anna", "bob", "bean", "smiled"])}
    return replace(tagger, vectors=Vectors("test", index, draw.normal(size=(4, 6)).astype(np.float32) * 20))


def test_a_saved_pipeline_carries_its_model(with_vectors: Tagger, tmp_path: Path) -> None:
    nlp = pipeline("gone")
    component(nlp).tagger = with_vectors
    expected = nlp(TEXT)
    check(expected, with_vectors)
    nlp.to_disk(tmp_path / "pipeline")
    (tmp_path / "pipeline").rename(tmp_path / "elsewhere")
    assert spacy.load(tmp_path / "elsewhere")(TEXT).to_json() == expected.to_json()
    other = pipeline("gone too").from_bytes(nlp.to_bytes())
    assert other(TEXT).to_json() == expected.to_json()


@pytest.mark.parametrize(
    "data", [b"", b"\x01", b"\xff" * 10, b"\x81\xabconfig.json\xc4\x02{}", b"\x81\xa4../x\xc4\x01x"]
)
def test_foreign_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(ModelError):
        component(pipeline("gone")).from_bytes(data)


@pytest.mark.slow
def test_tagmates_does_not_import_spacy_and_an_entry_point_makes_the_factory_known(folder: str, tmp_path: Path) -> None:
    (tmp_path / "point-1.dist-info").mkdir()
    (tmp_path / "point-1.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: point\nVersion: 1\n")
    (tmp_path / "point-1.dist-info" / "entry_points.txt").write_text(
        "[spacy_factories]\ntagmates = tagmates.apps.spacy_component:make_tagmates\n"
    )
    code = (
        "import sys, tagmates, tagmates.apps.cli; assert 'spacy' not in sys.modules\n"
        f"sys.path.append({str(tmp_path)!r}); import spacy; nlp = spacy.blank('en')\n"
        f"nlp.add_pipe('tagmates', config={{'model': {folder!r}}})\n"
        "assert nlp('Anna slept.')[0].pos_"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
