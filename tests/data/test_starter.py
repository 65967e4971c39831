"""The starter corpus: its sizes, the agreement of its layers, and that no text of other corpora is in it."""

import re
from collections import Counter, defaultdict
from functools import cache

import pytest
from real_data import PAPER, needs_real_data

from tagmates.data.corpora import load_corpora
from tagmates.data.formats.columns import read_columns
from tagmates.data.schemes import first_violation, spans_of
from tagmates.data.sentence import Sentence
from tagmates.data.task import SPLITS
from tagmates.data.tasks import PAPER_SCHEMES, STARTER, load_tasks

FOLDER = STARTER.parent
SIZES = {"train": 160, "dev": 40, "test": 40}
TOTAL = sum(SIZES.values())
AT_LEAST = 10  # a pair of tags that the real data have less often is a slip
COPIED = 8  # so many tokens in a row are no chance

# For each XPOS tag the UPOS tags that the English Web Treebank, r1.3, pairs with it at least AT_LEAST times.
UPOS_OF_XPOS = {
    "$": "SYM",
    "''": "PUNCT",
    ",": "PUNCT",
    "-LRB-": "PUNCT",
    "-RRB-": "PUNCT",
    ".": "PUNCT",
    ":": "PUNCT",
    "ADD": "X",
    "AFX": "X",
    "CC": "CONJ",
    "CD": "NUM",
    "DT": "DET PRON",
    "EX": "PRON",
    "FW": "X",
    "GW": "X",
    "HYPH": "PUNCT",
    "IN": "ADP SCONJ",
    "JJ": "ADJ",
    "JJR": "ADJ",
    "JJS": "ADJ",
    "LS": "X",
    "MD": "AUX",
    "NFP": "PUNCT SYM",
    "NN": "NOUN SYM",
    "NNP": "PROPN",
    "NNPS": "PROPN",
    "NNS": "NOUN",
    "PDT": "DET",
    "POS": "PART",
    "PRP": "PRON",
    "PRP$": "PRON",
    "RB": "ADV PART",
    "RBR": "ADV",
    "RBS": "ADV",
    "RP": "ADP ADV",
    "SYM": "SYM",
    "TO": "PART",
    "UH": "INTJ",
    "VB": "AUX VERB",
    "VBD": "AUX VERB",
    "VBG": "AUX VERB",
    "VBN": "AUX VERB",
    "VBP": "AUX VERB",
    "VBZ": "AUX VERB",
    "WDT": "DET PRON",
    "WP": "PRON",
    "WP$": "PRON",
    "WRB": "ADV",
    "``": "PUNCT",
}

# The trait that the real data give most often to each supersense that the starter uses.
SEMTR_OF_SEM = {
    "O": "O",
    "adj.all": "O",
    "adj.pert": "O",
    "adv.all": "O",
    "noun.act": "Agentive",
    "noun.animal": "Animate",
    "noun.artifact": "Object",
    "noun.attribute": "Property",
    "noun.body": "Object",
    "noun.cognition": "Mental",
    "noun.communication": "Mental",
    "noun.event": "BoundedEvent",
    "noun.food": "Object",
    "noun.group": "Object",
    "noun.location": "Object",
    "noun.object": "Object",
    "noun.person": "Animate",
    "noun.phenomenon": "Physical",
    "noun.plant": "Plant",
    "noun.possession": "Dynamic+Possession",
    "noun.quantity": "Mental",
    "noun.relation": "UnboundedEvent",
    "noun.state": "UnboundedEvent",
    "noun.substance": "Object",
    "noun.time": "Mental",
    "verb.body": "BoundedEvent",
    "verb.change": "BoundedEvent",
    "verb.cognition": "Mental",
    "verb.communication": "Mental",
    "verb.competition": "Agentive",
    "verb.consumption": "Agentive",
    "verb.contact": "UnboundedEvent",
    "verb.creation": "Agentive",
    "verb.emotion": "Mental",
    "verb.motion": "BoundedEvent",
    "verb.perception": "Mental",
    "verb.possession": "Mental",
    "verb.social": "Agentive",
    "verb.stative": "UnboundedEvent",
}


@cache
def starter(layer: str) -> tuple[Sentence, ...]:
    """One layer of all sentences of the corpus, in the order of the file."""
    task = load_tasks("starter")[layer]
    assert isinstance(task.tag_column, int)
    path = FOLDER / "starter.tsv"
    return tuple(read_columns(path, tag_column=task.tag_column, separator="\t", comment=task.comment))


@cache
def real(layer: str) -> tuple[Sentence, ...]:
    return tuple(s for split in SPLITS for s in read_columns(PAPER / layer / f"{split}.conll", separator="\t"))


def tags(sentence: Sentence) -> tuple[str, ...]:
    assert sentence.tags is not None
    return sentence.tags


def tag_set(sentences: tuple[Sentence, ...]) -> set[str]:
    return {tag for sentence in sentences for tag in tags(sentence)}


def lowered(sentence: Sentence) -> tuple[str, ...]:
    return tuple(token.lower() for token in sentence.tokens)


def identities() -> list[tuple[str, int, str]]:
    """(genre, number, split) of every sentence, from the comment lines."""
    text = (FOLDER / "starter.tsv").read_text(encoding="utf-8")
    found = re.findall(r"^# id = (\w+)-(\d+) split = (\w+)$", text, re.MULTILINE)
    return [(genre, int(number), split) for genre, number, split in found]


def test_the_loader_gives_eleven_tasks_of_these_sizes() -> None:
    tasks = load_tasks("starter")
    assert tuple(tasks) == tuple(PAPER_SCHEMES)
    assert {name: task.scheme for name, task in tasks.items()} == PAPER_SCHEMES
    for name, splits in load_corpora(tasks, tasks).items():
        assert {split: len(sentences) for split, sentences in splits.items()} == SIZES, name
        assert [s for sentences in splits.values() for s in sentences] == list(starter(name))


def test_comments_name_each_sentence_and_its_split() -> None:
    known = identities()
    assert len(known) == len(set(known)) == TOTAL
    assert len({(genre, number) for genre, number, _ in known}) == TOTAL
    assert [split for _, _, split in known] == [split for split, size in SIZES.items() for _ in range(size)]


def test_every_split_mixes_the_genres_evenly() -> None:
    for split in SPLITS:
        counts = Counter(genre for genre, _, place in identities() if place == split)
        assert len(counts) >= 6, split
        assert max(counts.values()) - min(counts.values()) <= 2, counts


def test_layers_share_their_tokens_and_no_cell_is_empty() -> None:
    for layer in PAPER_SCHEMES:
        for sentence, first in zip(starter(layer), starter("upos"), strict=True):
            assert sentence.tokens == first.tokens
            assert all(cell and cell == cell.strip() for cell in (*sentence.tokens, *tags(sentence)))


def test_no_sentence_comes_twice() -> None:
    assert len({lowered(sentence) for sentence in starter("upos")}) == TOTAL


@pytest.mark.parametrize("layer", ["chunk", "ner"])
def test_spans_are_well_formed(layer: str) -> None:
    for sentence in starter(layer):
        assert first_violation(tags(sentence), "iobes") is None, sentence


def test_upos_and_xpos_agree() -> None:
    for coarse, fine in zip(starter("upos"), starter("xpos"), strict=True):
        for token, upos, xpos in zip(coarse.tokens, tags(coarse), tags(fine), strict=True):
            assert upos in UPOS_OF_XPOS[xpos].split(), (coarse.line, token)


@needs_real_data
def test_the_table_of_upos_and_xpos_is_that_of_the_real_data() -> None:
    pairs = Counter(
        pair
        for coarse, fine in zip(real("upos"), real("xpos"), strict=True)
        for pair in zip(tags(fine), tags(coarse), strict=True)
    )
    table = defaultdict(set)
    for (xpos, upos), count in pairs.items():
        if count >= AT_LEAST:
            table[xpos].add(upos)
    assert table == {xpos: set(upos.split()) for xpos, upos in UPOS_OF_XPOS.items()}


def test_a_named_entity_holds_a_name_or_a_number() -> None:
    for entities, parts in zip(starter("ner"), starter("upos"), strict=True):
        for span in spans_of(tags(entities), "iobes", "error"):
            inside = set(tags(parts)[span.start : span.end])
            assert inside & ({"PROPN", "NUM", "ADJ"} if span.label == "MISC" else {"PROPN", "NUM"}), entities


def test_semtr_follows_from_sem() -> None:
    assert tag_set(starter("sem")) == set(SEMTR_OF_SEM)
    for fine, coarse in zip(starter("sem"), starter("semtr"), strict=True):
        assert [SEMTR_OF_SEM[tag] for tag in tags(fine)] == list(tags(coarse)), fine.line


@needs_real_data
def test_the_mapping_of_sem_to_semtr_is_that_of_the_real_data() -> None:
    traits = {sentence.tokens: tags(sentence) for sentence in real("semtr")}
    counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for sentence in real("sem"):
        for tag, trait in zip(tags(sentence), traits.get(sentence.tokens, ()), strict=False):
            counts[tag][trait] += 1
    assert {tag: counts[tag].most_common(1)[0][0] for tag in SEMTR_OF_SEM} == SEMTR_OF_SEM


def test_expressions_have_a_beginning_and_a_rest() -> None:
    for sentence in starter("mwe"):
        marks = tags(sentence)
        for index, mark in enumerate(marks):
            assert mark != "B" or "I" in marks[index + 1 :], sentence
            assert mark != "I" or "B" in marks[:index], sentence


def test_only_the_first_word_of_an_expression_has_a_supersense() -> None:
    for expressions, senses in zip(starter("mwe"), starter("supsense"), strict=True):
        for mark, sense in zip(tags(expressions), tags(senses), strict=True):
            assert mark != "I" or sense == "O", expressions


def test_compression_and_links_mark_something_in_every_sentence() -> None:
    assert all("KEEP" in tags(sentence) for sentence in starter("com"))
    assert all("B-HTML" in tags(sentence) for sentence in starter("hyp"))


@needs_real_data
@pytest.mark.parametrize("layer", PAPER_SCHEMES)
def test_every_tag_occurs_in_the_real_data(layer: str) -> None:
    assert tag_set(starter(layer)) <= tag_set(real(layer))


@needs_real_data
@pytest.mark.parametrize("layer", PAPER_SCHEMES)
def test_no_text_is_copied_from_the_real_data(layer: str) -> None:
    ours = [lowered(sentence) for sentence in starter("upos")]
    sentences = {tokens for tokens in ours if len(tokens) >= 4}
    runs = {run for tokens in ours for run in runs_of(tokens)}
    for sentence in real(layer):
        tokens = lowered(sentence)
        assert tokens not in sentences, tokens
        assert runs.isdisjoint(runs_of(tokens)), tokens


def runs_of(tokens: tuple[str, ...]) -> list[tuple[str, ...]]:
    return [tokens[start : start + COPIED] for start in range(len(tokens) - COPIED + 1)]


@needs_real_data
@pytest.mark.parametrize("layer", PAPER_SCHEMES)
def test_the_page_lists_exactly_the_lacking_tags(layer: str) -> None:
    page = (FOLDER / "README.md").read_text(encoding="utf-8")
    row = re.search(rf"^\| {layer} \| (\d+) of (\d+) \| (.+) \|$", page, re.MULTILINE)
    assert row is not None
    used, known = tag_set(starter(layer)), tag_set(real(layer))
    assert (int(row[1]), int(row[2])) == (len(used), len(known))
    lacking = known - used
    if layer == "supsense":  # the prepositions' tags are counted, not listed
        prepositions = {tag for tag in lacking if tag.startswith("p.")}
        assert row[3].endswith(f" and {len(prepositions)} that start with `p.`")
        lacking = lacking - prepositions | {"p."}
    listed = [code for _, code in re.findall(r"(`+) ?(.+?) ?\1(?!`)", row[3])]
    assert sorted(listed) == sorted(lacking)
    assert bool(lacking) != (row[3] == "none")


def test_the_folder_states_its_licence() -> None:
    text = (FOLDER / "LICENSE").read_text(encoding="utf-8")
    assert "CC0 1.0" in text
    assert "https://creativecommons.org/publicdomain/zero/1.0/legalcode" in text
