"""SemCor's supersenses (``sem``) and semantic traits (``semtr``): the same text, published twice with other splits.

The paper uses the splits of the traits' files for both tasks, so that no test sentence of one is a training sentence of
the other. Supersenses are matched to these sentences by their words; word sequences with several taggings are left out.
"""

from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from pathlib import Path
from typing import cast

from tagmates.data.formats.columns import read_columns
from tagmates.data.sentence import Sentence
from tagmates.data.task import SPLITS

_Texts = tuple[str, ...]


def semcor_splits(task: str, files: Mapping[str, Path], *, authors: bool) -> dict[str, list[Sentence]]:
    """Train, dev and test of ``sem`` or ``semtr``.

    With ``authors``, ``sem`` lacks the last sentence of SemCor's test file, and in three training sentences tags with
    an underscore (``noun.social_relation``) are split in two, which moves all later tags to the right.
    """
    paths = {split: files[f"semcor_semantictraits_{split}.conll"] for split in SPLITS}
    traits = {split: read_columns(path, separator="\t") for split, path in paths.items()}
    pool = _supersenses(files, authors=authors) if task == "sem" else chain.from_iterable(traits.values())
    tags_of = _unambiguous(pool)
    if task == "sem" and authors:
        tags_of = {tokens: _shifted(tags) for tokens, tags in tags_of.items()}
    return {
        split: [Sentence(s.tokens, tags_of[s.tokens], s.line) for s in sentences if s.tokens in tags_of]
        for split, sentences in traits.items()
    }


def _supersenses(files: Mapping[str, Path], *, authors: bool) -> Iterator[Sentence]:
    """Yield all sentences of SemCor. A multiword (a token joined by ``_``) becomes words that all have its tag."""
    for split in SPLITS:
        sentences = read_columns(files[f"english_semcor_{split}.conll"], tag_column=-1, separator="\t")
        if split == "test" and authors:
            sentences.pop()  # the authors' copy lacks it
        for sentence in sentences:
            parts = [token.split("_") for token in sentence.tokens]
            tags = chain.from_iterable([tag] * len(p) for tag, p in zip(sentence.tags or (), parts, strict=True))
            yield Sentence(tuple(chain.from_iterable(parts)), tuple(tags), sentence.line)


def _unambiguous(sentences: Iterable[Sentence]) -> dict[_Texts, _Texts]:
    """The tags of every word sequence that always occurs with the same tags."""
    tags_of: dict[_Texts, _Texts] = {}
    ambiguous = set()
    for sentence in sentences:
        tags = cast(_Texts, sentence.tags)  # these files label every token
        if tags_of.setdefault(sentence.tokens, tags) != tags:
            ambiguous.add(sentence.tokens)
    return {tokens: tags for tokens, tags in tags_of.items() if tokens not in ambiguous}


def _shifted(tags: _Texts) -> _Texts:
    """The tags as the authors had them: joined by ``_`` to one string and split again; the surplus is cut off."""
    return tuple("_".join(tags).split("_")[: len(tags)])
