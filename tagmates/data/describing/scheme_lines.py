"""The lines of a proposed tasks.toml that say how the tags of a layer are written: outside tag, no label, scheme."""

from collections import Counter
from collections.abc import Sequence

from tagmates.data.describing.toml_text import comment_text, toml_value
from tagmates.data.notation import NotationEstimate

MAX_LISTED_TAGS = 5  # tags that break a scheme and are listed one by one


def unlabelled_lines(blank: str, used: Counter[str]) -> list[str]:
    """The lines for the tag that means "no label"."""
    on = f"{blank} is the tag of {used[blank]:,} of {used.total():,} tokens"
    but = f'if it means that a word is outside of all spans, add outside = "{blank}"'
    return [*([f"unlabelled = {toml_value(blank)}"] if blank != "_" else []), f'# {on}: taken for "no label"; {but}']


def outside_lines(estimate: NotationEstimate, used: Counter[str]) -> list[str]:
    """The line for the outside tag, unless it is ``O``; a comment if tags are empty."""
    outside = estimate.notation.outside
    if outside == "O":
        empty = f"{used['']:,} of {used.total():,} tags are empty"
        return [f"# {empty}: write O in their place if it means outside of all spans"] if used[""] else []
    if not outside:
        return [f'outside = ""  # O is the tag of {used["O"]:,} of {used.total():,} tokens, and looks like a label']
    on = f"{comment_text(outside)} is the tag of {used[outside]:,} of {used.total():,} tokens"
    return [f"outside = {toml_value(outside)}  # {on}: taken for the outside tag, which is not scored"]


def scheme_lines(
    estimate: NotationEstimate, wrong: Sequence[str], broken: int, sentences: int, *, numbered: bool
) -> list[str]:
    """The lines for the scheme and the mark, with the reasons, and with tags that break them."""
    notation = estimate.notation
    if estimate.is_plain:
        return [_plain_line(estimate, numbered=numbered)]
    lines = [f"mark = {toml_value(notation.mark)}"] if notation.mark != "B-" else []
    if not wrong:
        why = f"all {sentences} sentences follow it" if sentences else "as the first lines of the file have it"
        return [f'scheme = "{notation.scheme}"  # {why}', *lines]
    lines += [f"# breaks it: {comment_text(text, 200)}" for text in listed(wrong)]
    if estimate.lenient:
        lines += [f'# (to read such tags as conlleval does, leave scheme out and set score = "{estimate.lenient}")']
    count = f"not followed in {broken} of {sentences} sentences"
    return [f'scheme = "{notation.scheme}"  # as most tags say, but {count}', *lines]


def listed(wrong: Sequence[str]) -> list[str]:
    """The first messages, and how many more there are."""
    more = len(wrong) - MAX_LISTED_TAGS
    return [
        *wrong[:MAX_LISTED_TAGS],
        *([f"and {more:,} more: `tagmates data check --all` names them"] if more > 0 else []),
    ]


def io_line(estimate: NotationEstimate, why: str) -> str:
    """The line for a layer whose tags are the labels of spans, without B- and I-."""
    return (
        f'scheme = "io"  # {_repetition(estimate)}{why}: taken for one span; with "plain" every word counts by itself'
    )


def _plain_line(estimate: NotationEstimate, *, numbered: bool) -> str:
    if not estimate.words:
        return 'scheme = "plain"  # no tag could be read: name the scheme of yours'
    if estimate.joined:
        return 'scheme = "plain"  # words have several tags; each combination counts as a tag of its own'
    if estimate.advice_on_plain:
        return 'scheme = "plain"  # some tags have B- or I-, others do not; every word counts by itself'
    if not estimate.looks_like_io or numbered:
        return 'scheme = "plain"  # the tags have no B- and I-, so every word counts by itself'
    if estimate.distinct > 1:
        return io_line(estimate, "")
    why = _repetition(estimate)
    return f'scheme = "plain"  # every word counts by itself; {why}: with "io" such neighbours are one span'


def _repetition(estimate: NotationEstimate) -> str:
    return f"{estimate.repeated:,} of {estimate.tagged:,} tagged words have the tag of the word before"
