"""Remarks on the data that a proposal describes: leaks between corpora, and tags that a user should look at."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from tagmates.data.describing.toml_text import comment_text
from tagmates.data.notation import NotationEstimate, placeholders_in, slips_in, unread_spans_in
from tagmates.data.overlap import MIN_SHARED_WORDS
from tagmates.data.sentence import Sentence
from tagmates.data.task import Split
from tagmates.formatting import plural

MIN_MASKED = 50  # words of dev or test from which on it is odd if all have one tag

Tokens = tuple[str, ...]  # of a sentence


def leaks(corpora: Sequence[tuple[str, Mapping[Split, Sequence[Tokens]]]]) -> Iterator[str]:
    """Yield, for each corpus, how many of its test sentences are in train of other corpora, but not in its own."""
    for name, own in corpora:
        alone = set(own.get("train", ()))
        there = [words for words in own.get("test", ()) if len(words) >= MIN_SHARED_WORDS and words not in alone]
        others = {
            other: shared
            for other, words in corpora
            if words is not own and (shared := sum(map(set(words.get("train", ())).__contains__, there)))
        }
        if others:
            listed = ", ".join(f"{other} ({shared:,})" for other, shared in others.items())
            yield (
                f"of {plural(len(own['test']), 'test sentence')} of {name} some are in train of other corpora: "
                f"{listed}; joint training would see them, data check names them (leak)"
            )


def odd_labels(used: Counter[str], estimate: NotationEstimate) -> Iterator[str]:
    """Yield messages on tags that are only numbers, mark spans in a notation that is not read, or may be slips."""
    for label, likely in slips_in(used, estimate.notation).items():
        yield f"the label {comment_text(label)} is rare and may be a slip for {comment_text(likely)}"
    outside = estimate.notation.outside
    unread = unread_spans_in(used, outside) if estimate.is_plain else ""
    yield from filter(None, (placeholders_in(used, outside), unread or estimate.advice_on_plain))


def unseen_tags(splits: Mapping[Split, Sequence[Sentence]]) -> list[str]:
    """A message on tags of dev or test that train lacks, if there are any."""
    known = {tag for sentence in splits["train"] for tag in sentence.labels}
    others = Counter(
        tag
        for split, sentences in splits.items()
        for sentence in sentences
        for tag in sentence.labels
        if split != "train" and tag not in known
    )
    del others[None]
    if not others or not splits["train"]:
        return []
    named = ", ".join(f"{comment_text(str(tag))} ({count:,})" for tag, count in others.most_common(6))
    more = f", and {len(others) - 6:,} more" if len(others) > 6 else ""
    return [f"train lacks {plural(len(others), 'tag')} of dev or test, which cannot be learnt: {named}{more}"]


def masked_tags(splits: Mapping[Split, Sequence[Sentence]]) -> Iterator[str]:
    """Yield a message for dev or test if all its words have one tag, and train has others: its tags may be hidden."""
    for split in ("dev", "test"):
        used = tag_counts(splits.get(split, ()))
        if len(used) == 1 and used.total() >= MIN_MASKED and len(tag_counts(splits["train"])) > 1:
            ((tag, count),) = used.items()
            yield f"all {count:,} tags of {split} are {comment_text(tag)}: are the true ones hidden?"


def tag_counts(sentences: Sequence[Sentence]) -> Counter[str]:
    """How often each tag occurs; words without a label are not counted."""
    return Counter(tag for sentence in sentences for tag in sentence.labels if tag is not None)
