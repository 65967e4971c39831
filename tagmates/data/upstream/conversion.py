"""Published files → the sentences of the paper's tasks, in two modes.

``authors`` gives exactly what the paper's authors trained on. ``clean`` gives what they meant. Differences between the
modes are explained beside the code that makes them; ``docs/paper-tasks.md`` describes all steps.
"""

from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from pathlib import Path

from tagmates.data.formats.columns import read_columns
from tagmates.data.formats.conllu import read_conllu
from tagmates.data.schemes import Scheme, convert
from tagmates.data.sentence import Sentence
from tagmates.data.task import SPLITS
from tagmates.data.upstream.semcor import semcor_splits
from tagmates.data.upstream.sources import Mode
from tagmates.errors import DataError

Splits = dict[str, list[Sentence]]
Files = Mapping[str, Path]
"""The path of each file, by the name under which it was published."""

MODE_DEPENDENT_TASKS = ("upos", "supsense", "sem")
"""The tasks that differ between the modes."""
CHUNK_DEV = 1001  # the first sentences of CoNLL-2000's test file are dev, the others test
HYP_SIZES = {"train": 2000, "dev": 974, "test": 1000}  # numbers of lines of the single file, in order


def convert_task(task: str, files: Files, mode: Mode) -> Splits:  # noqa: PLR0911  (a table of tasks)
    """Train, dev and test of one of the paper's tasks. Raises DataError for files that are not the published ones."""
    match task:
        case "upos" | "xpos":  # the modes use different releases
            return {split: read_conllu(files[f"en-ud-{split}.conllu"], column=task) for split in SPLITS}
        case "chunk":
            return _chunk(files)
        case "ner":
            names = {"train": "eng.train", "dev": "eng.testa", "test": "eng.testb"}
            return {split: _columns(files[name], 4, "iob1") for split, name in names.items()}
        case "mwe":
            return _streusle(files, _mwe)
        case "supsense":
            return _streusle(files, _supersense_of_three_parts if mode == "authors" else _supersense)
        case "sem" | "semtr":
            return semcor_splits(task, files, authors=mode == "authors")
        case "com":
            kept: Splits = {
                split: read_columns(files[f"broadcast1_com_{split}.conll"], separator=" ") for split in SPLITS
            }
            return _retagged(kept, lambda tag: "KEEP" if tag == "O" else tag)
        case "frame":
            return {split: read_columns(files[f"eng_fnt_{split}.conll"], separator="\t") for split in SPLITS}
        case "hyp":
            return _hyp(files["dp.stanford.select"])
    raise ValueError(f"no task of the paper is called {task!r}")


def _chunk(files: Files) -> Splits:
    """CoNLL-2000 has no dev set; the authors took the first half of the test set."""
    train, rest = (_columns(files[name], 3, "iob2") for name in ("train.txt", "test.txt"))
    if len(rest) <= CHUNK_DEV:
        raise DataError(
            f"{files['test.txt']}: has {len(rest)} sentences, and dev alone takes {CHUNK_DEV}; is it whole?"
        )
    return {"train": train, "dev": rest[:CHUNK_DEV], "test": rest[CHUNK_DEV:]}


def _columns(path: Path, tag_column: int, scheme: Scheme) -> list[Sentence]:
    """The sentences of a shared task's column file, with tags converted to IOBES."""
    converted = []
    for sentence in read_columns(path, tag_column=tag_column, separator=" "):
        try:
            tags = convert(sentence.labels, scheme, "iobes")
        except DataError as error:
            raise DataError(f"{path}:{sentence.line}: {error} in this sentence; is the file as published?") from None
        converted.append(Sentence(sentence.tokens, tags, sentence.line))
    return converted


def _streusle(files: Files, tag_of: Callable[[str], str]) -> Splits:
    """Tags made from LEXTAG, column 19: ``B-V-v.social`` is a position, a lexical category, a supersense."""
    paths = {split: files[f"streusle.ud_{split}.conllulex"] for split in SPLITS}
    return _retagged({split: read_conllu(path, column="lextag") for split, path in paths.items()}, tag_of)


def _mwe(lextag: str) -> str:
    """One tag for strong (``I_``) and weak (``I~``) expressions; words in a gap (``o b i``) are tagged as others."""
    return lextag[0].upper()


def _supersense_of_three_parts(lextag: str) -> str:
    """Mode ``authors``: they split at every hyphen, so that ``p.Co-Agent`` is lost. 212 labels."""
    parts = lextag.split("-")
    return parts[2] if len(parts) == 3 else "O"


def _supersense(lextag: str) -> str:
    """Mode ``clean``: everything after the lexical category. 220 labels."""
    parts = lextag.split("-", 2)
    return parts[2] if len(parts) == 3 else "O"


def _retagged(splits: Splits, tag_of: Callable[[str], str]) -> Splits:
    return {
        split: [Sentence(s.tokens, tuple(tag_of(tag) for tag in s.labels if tag), s.line) for s in sentences]
        for split, sentences in splits.items()
    }


def _hyp(path: Path) -> Splits:
    sentences = list(_marked_up(path))
    if len(sentences) != sum(HYP_SIZES.values()):
        raise DataError(f"{path}: has {len(sentences)} sentences, not {sum(HYP_SIZES.values())}; is it whole?")
    in_order = iter(sentences)
    return {split: list(islice(in_order, size)) for split, size in HYP_SIZES.items()}


def _marked_up(path: Path) -> Iterator[Sentence]:
    """One sentence per line, ``(BYPASS DT<a>1 the NN<a>1 news ? ?)``: a POS before each word, then a ``?`` for each.

    ``B-HTML`` marks a word whose POS has mark-up of any kind: link, bold, italics, underlined. One byte of the file is
    not UTF-8; both modes leave it out, as the authors did.
    """
    try:
        text = path.read_bytes().decode("utf-8", "ignore")
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}); check the path and its permissions") from None
    for number, line in enumerate(text.removesuffix("\n").split("\n"), start=1):
        cells = line.removeprefix("(BYPASS ").removesuffix(")").split(" ")
        size, rest = divmod(len(cells), 3)
        framed = line.startswith("(BYPASS ") and line.endswith(")")
        if not framed or rest or cells[2 * size :] != ["?"] * size or not all(cells):
            raise DataError(f"{path}:{number}: is not of the form (BYPASS POS word ... ?); is it dp.stanford.select?")
        tags = tuple("B-HTML" if "<" in pos else "O" for pos in cells[: 2 * size : 2])
        yield Sentence(tuple(cells[1 : 2 * size : 2]), tags, number)
