"""The probability of spans and of whole tag sequences in the distributions of a batch.

A span's probability is that of all tag sequences in which exactly this span stands: they have its tags, and the tags
beside it neither begin it earlier nor continue it. It is a sum over tag sequences, not a product of the marginal
probabilities of tags, which are not independent. ``tests/model/test_span_probability.py`` enumerates all sequences.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
import numpy.typing as npt
import torch

from tagmates.data.schemes import LETTERS, Scheme, split_tag
from tagmates.data.sentence import Span
from tagmates.model.network import Decoded

TagNumbers = Mapping[str, int]
"""The number of a label's tag by its letter: B, I, E or S."""
TagConstraint = tuple[int, npt.NDArray[np.bool_]]
"""The first token of a range, and for each of its tokens the tags that are allowed [tokens, tags]."""

# the letters of a span's first tag, and those of its label that the tag before must not have, which it would continue
BEGINNINGS = (("BS", ""), ("IE", "BI"))
# the letters of a span's last tag, and those of its label that the tag after must not have, which would continue it
ENDINGS = (("ES", ""), ("BI", "IE"))


@dataclass(frozen=True, slots=True)
class Request:
    """The spans of one sentence and task, and where the sentence's tokens are among those of a batch's requests."""

    output: int  # index of the request's first token, which may be a task token
    head: int  # the number of task tokens before the sentence: 0 or 1
    length: int  # of the sentence
    spans: Sequence[Span]
    tags: Mapping[str, TagNumbers]  # by label


def tag_numbers(labels: Sequence[str], scheme: Scheme) -> dict[str, dict[str, int]]:
    """The numbers of the tags with which this scheme writes the spans of each label."""
    if scheme == "plain":
        return {tag: {"S": number} for number, tag in enumerate(labels)}
    found: dict[str, dict[str, int]] = {}
    for number, tag in enumerate(labels):
        parts = split_tag(tag, "B-")
        letter = LETTERS[scheme].get(parts[0]) if parts else None
        if parts and letter:
            found.setdefault(parts[1], {})[letter] = number
    return found


def tag_constraints(span: Span, length: int, tags: TagNumbers, num_tags: int) -> Iterator[TagConstraint]:
    """The sets of tag sequences of a sentence of this length that have exactly this span.

    No two of them have a sequence in common, so the probability of the span is the sum of theirs.
    """
    for (first, not_before), (last, not_after) in product(BEGINNINGS, ENDINGS):
        if span.end - span.start == 1:
            letters = ["".join(set(first) & set(last))]
        else:
            opening, closing = set(first) & set("BI"), set(last) & set("IE")
            letters = ["".join(opening), *["I"] * (span.end - span.start - 2), "".join(closing)]
        if not all(letter in tags for letter in letters):
            continue
        before, after = bool(not_before) and span.start > 0, bool(not_after) and span.end < length
        allowed = np.zeros((before + len(letters) + after, num_tags), dtype=np.bool_)
        allowed[range(before, before + len(letters)), [tags[letter] for letter in letters]] = True
        if before:
            allowed[0] = True
            allowed[0, [tags[letter] for letter in not_before if letter in tags]] = False
        if after:
            allowed[-1] = True
            allowed[-1, [tags[letter] for letter in not_after if letter in tags]] = False
        yield span.start - before, allowed


def span_probabilities(decoded: Decoded, requests: Sequence[Request]) -> list[tuple[float, ...]]:
    """The probability of every span of these requests to a batch, which was decoded with probabilities."""
    probabilities = [np.zeros(len(request.spans)) for request in requests]
    owners = {request.output: number for number, request in enumerate(requests) if request.spans}
    for group, crf in decoded.distributions:
        rows = group.output.tolist()
        for decoder, lengths in enumerate(group.packed.lengths.tolist()):
            held = [
                (row, owners[rows[decoder][row]]) for row, n in enumerate(lengths) if n and rows[decoder][row] in owners
            ]
            found = [
                (row, number, place, request.head + start, allowed)
                for row, number in held
                for request in (requests[number],)
                for place, span in enumerate(request.spans)
                for start, allowed in tag_constraints(
                    span, request.length, request.tags[span.label], crf.start.shape[-1]
                )
            ]
            if not found:
                continue
            device = crf.emissions.device
            places = torch.tensor([(row, start, len(allowed)) for row, _, _, start, allowed in found]).to(device)
            padded = np.zeros((len(found), max(len(way[-1]) for way in found), crf.start.shape[-1]), dtype=np.bool_)
            for own, way in zip(padded, found, strict=True):
                own[: len(way[-1])] = way[-1]
            row, first, size = places.T
            chances = crf.log_prob_among(decoder, row, first, size, torch.from_numpy(padded).to(device)).exp()
            for (_, number, place, _, _), chance in zip(found, chances.tolist(), strict=True):
                probabilities[number][place] += chance
    return [tuple(np.minimum(own, 1).tolist()) for own in probabilities]


def sequence_probabilities(decoded: Decoded, head: int = 0) -> dict[int, float]:
    """The probability of the best tags of every request, by the index of its first token.

    The tag of a task token (``head``: 1) may be any.
    """
    found: dict[int, float] = {}
    for group, crf in decoded.distributions:
        best = crf.argmax()
        best[:, group.packed.step < head] = -1
        chances = crf.log_prob(best, partial=bool(head)).exp().clamp(max=1)
        filled = group.packed.lengths > 0
        found |= dict(zip(group.output[filled].tolist(), chances[filled].tolist(), strict=True))
    return found
