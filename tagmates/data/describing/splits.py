"""The lines of a proposed tasks.toml that name the splits of a corpus."""

from collections.abc import Iterator, Sequence
from os.path import commonpath, commonprefix
from pathlib import Path

from tagmates.data.describing.found_corpora import FoundCorpus
from tagmates.data.describing.toml_text import comment_text, toml_value
from tagmates.data.task import Part, Split
from tagmates.formatting import in_order, plural

MAX_LISTED_NAMES = 12  # files of a split that are named one by one


def cut_ranges(source: FoundCorpus, total: int) -> dict[Split, tuple[int, int]]:
    """The ranges of sentences cut from train for dev, and for test if it is missing; none if a file may hold them."""
    tenth = max(1, total // 10)
    if "dev" in source.files or total <= 2 or source.waits:
        return {}
    ends: dict[Split, int] = {"dev": total} if "test" in source.files else {"dev": total - tenth, "test": total}
    ranges: dict[Split, tuple[int, int]] = {split: (end - tenth + 1, end) for split, end in ends.items()}
    return {"train": (1, ranges["dev"][0] - 1), **ranges}


def split_lines(source: FoundCorpus, counts: Sequence[int], root: Path) -> Iterator[str]:
    """The lines of the splits. Without a file for dev or test, the end of train is proposed for it."""
    ranges = cut_ranges(source, counts[0] if counts else 0)
    if ranges:
        which = "dev and test are" if "test" in ranges else "dev is"
        yield f"# no file is called dev, so {which} the end of {comment_text(several(source.files['train']))}"
    for split, name in source.waits.items():
        yield f'# {comment_text(name, 200)} seems to be {split}, and was left out: if it is, add {split} = "FILE"'
    if "dev" not in source.files and not ranges and "dev" not in source.waits:
        yield '# there is no dev split: add one, dev = "FILE"'
    for split, names in source.files.items():
        if len(names) > 1:
            yield f"# {split} is {len(names):,} files, joined as if they were one"
    for split in ("train", "dev", "test"):
        names = source.files["train"] if split in ranges else source.files.get(split, ())
        if not names:
            continue
        tags = [source.tags[name] for name in names] if source.tags else []
        more = [f"tags = {_files(tags, root)}"] if tags else []
        more += ['sentences = "{}-{}"'.format(*ranges[split])] if split in ranges else []
        files = _files(names, root)
        yield f"{split} = {{ {', '.join([f'file = {files}', *more])} }}" if more else f"{split} = {files}"


def _files(names: Sequence[str], root: Path) -> str:
    """A name, a list of names, or, for many names, a pattern that matches exactly these."""
    if len(names) == 1:
        return toml_value(names[0])
    if len(names) > MAX_LISTED_NAMES:
        folder, suffix = commonpath([name.rpartition("/")[0] or "." for name in names]), Path(names[0]).suffix
        start = "" if folder in (".", "") else f"{folder}/"
        beginning = commonprefix([name.rpartition("/")[2] for name in names])  # noqa: RUF071  (of names, not of paths)
        for pattern in (f"{start}{beginning}*{suffix}", f"{start}**/*{suffix}"):
            if list(Part(file=pattern).files(root)) == in_order(names):
                return toml_value(pattern)
    return toml_value(list(names))


def several(names: Sequence[str]) -> str:
    """The first name, and the number of others."""
    return names[0] if len(names) == 1 else f"{names[0]} and {plural(len(names) - 1, 'more file')}"
