"""Warn about words that cannot be the words of sentences: another column, marks, prefixes, or documents' numbers."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from tagmates.data.checking.problems import Problem
from tagmates.data.corpora import location, path_of
from tagmates.data.sentence import Sentence
from tagmates.data.task import Task
from tagmates.formatting import shown

MIN_WORDS = 50  # with fewer words in a split, nothing is said
QUOTES = "'\""  # around words, they are `irregular`
MOST = 0.9  # the share of words or sentences that is taken for nearly all
MIN_KNOWN = 0.02  # the share of words of dev or test that occur in train; text of one language has far more

MIN_SENTENCES = 20  # with fewer sentences, nothing is said about their length
MIN_DOCUMENTS = 10  # sentences of one long number from which on they are taken for the numbers of documents

_PREFIX = re.compile(r"[a-z]{2,3}:(?=.)|\w+(?:\[-?\d+\])?=")  # en:London as in WikiANN, w[0]=London as for CRFsuite
_MARK = re.compile(r"</?\w+>|\[[A-Z]+\]|#\w+|[A-Za-z]+[-_]\d+")  # <s>, [CLS], #doc1, sentence_1
_LAST_MARK = re.compile(r"</?\w+>|\[[A-Z]+\]")  # </s>, [SEP]
_NAMED_MARK = re.compile(r"[-_*]*(?:BOS|SOS|START|CLS|EOS|END|STOP|SEP)[-_*]*")  # the same in all sentences
_DOCUMENT = re.compile(r"\d{5,}")  # as those of PubMed


def check_words(task: Task, splits: Mapping[str, Sequence[Sentence]]) -> Iterator[Problem]:
    """Yield at most one warning for each split."""
    known = {token for sentence in splits.get("train", ()) for token in sentence.tokens}
    for split, sentences in splits.items():
        words = Counter(token for sentence in sentences for token in sentence.tokens)
        if words.total() < MIN_WORDS:
            continue
        if message := _sign_of_all(words) or _oddity(words, None if split == "train" else known):
            yield Problem.of("warning", "odd-words", task, split, f"{path_of(task, split)}: {message}")
        elif marks := _marks(sentences):
            first, index = marks
            text = (
                f"{location(task, split, first, index)}: nearly every sentence {'ends' if index else 'begins'} with a "
                f"mark such as {shown(first.tokens[index])}, which is read as a word; delete the marks"
            )
            yield Problem.of("warning", "odd-words", task, split, text)
        elif documents := _document_numbers(sentences):
            first = documents[0]
            text = (
                f"{location(task, split, first, 0)}: {len(documents):,} sentences are one long number each, such as "
                f"{shown(first.tokens[0])}, and no two are equal: if these are the numbers of documents, delete them"
            )
            yield Problem.of("warning", "odd-words", task, split, text)
        elif single := _single_words(sentences):
            text = (
                f"{location(task, split, single[0], 0)}: {len(single):,} of {len(sentences):,} sentences have a single "
                "word; if a blank line or a new record separates the words of one sentence, take it away"
            )
            yield Problem.of("warning", "odd-words", task, split, text)


def _single_words(sentences: Sequence[Sentence]) -> list[Sentence]:
    """The sentences with a single word, if nearly all are such; else none."""
    single = [each for each in sentences if len(each) == 1]
    return single if len(single) >= max(MIN_SENTENCES, MOST * len(sentences)) else []


def _sign_of_all(words: Counter[str]) -> str:
    """What is odd if nearly all words begin or end with the same sign; "" if they do not."""
    first: Counter[str] = Counter()
    last: Counter[str] = Counter()
    for word, count in words.items():
        first[word[0]] += count
        last[word[-1]] += count
    for verb, counts in (("begins", first), ("ends", last)):
        sign, count = counts.most_common(1)[0]
        if not (sign.isalnum() or sign in QUOTES) and count >= MOST * words.total() and len(words) > 1:
            seen = f"nearly every word {verb} with {shown(sign)}, such as {shown(next(iter(words)))}"
            return f"{seen}; take it away if it belongs to the format of the file"
    return ""


def _oddity(words: Counter[str], known: set[str] | None) -> str:
    """What is odd about the words of a split, with their counts; "" if nothing is. ``known`` are the words of train."""
    word = next(iter(words))
    if len(words) == 1:
        return f"all words are {shown(word)}; are the words in another column?"
    prefixes: Counter[str] = Counter()
    for each, count in words.items():
        if found := _PREFIX.match(each):
            prefixes[found[0]] += count
    if prefixes and prefixes.most_common(1)[0][1] >= MOST * words.total():
        prefix = shown(prefixes.most_common(1)[0][0])
        return f"nearly every word begins with {prefix}, which no other text has; take it away"
    if all(any(map(str.isdecimal, each)) for each in words):
        return f"every word has a digit, such as {shown(word)}; are the words in another column?"
    if known and sum(count for each, count in words.items() if each in known) < MIN_KNOWN * words.total():
        return f"hardly any of its words, such as {shown(word)}, are in train; are the words in another column?"
    return ""


def _marks(sentences: Sequence[Sentence]) -> tuple[Sentence, int] | None:
    """The first sentence that begins or ends with a mark, and the place of the mark, if nearly all do; else None.

    A mark is known by its form, or is the most common first or last word if that has the name of one, such as BOS.
    Marks without a label, as in text that was cut into sub-words for training, do no harm.
    """
    for mark, place in ((_MARK, 0), (_LAST_MARK, -1)):
        labelled = (sentence for sentence in sentences if sentence.labels[place] is not None)
        most_common = Counter(sentence.tokens[place] for sentence in sentences).most_common(1)[0][0]
        named = most_common if _NAMED_MARK.fullmatch(most_common) else None
        marked = [each for each in labelled if mark.fullmatch(each.tokens[place]) or each.tokens[place] == named]
        if len(marked) >= MOST * len(sentences):
            return marked[0], range(len(marked[0].tokens))[place]
    return None


def _document_numbers(sentences: Sequence[Sentence]) -> list[Sentence]:
    """The sentences that are only a long number, if there are many and all differ; else none."""
    numbers = [each for each in sentences if len(each.tokens) == 1 and _DOCUMENT.fullmatch(each.tokens[0])]
    many = len(numbers) >= MIN_DOCUMENTS
    return numbers if many and len({each.tokens for each in numbers}) == len(numbers) else []
