"""``tagmates tag`` reads what training reads, and ``--append`` keeps every other byte of the input."""

import csv
import json
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tagmates.data.corpora import read_file
from tagmates.data.formats.conllu import read_conllu
from tagmates.data.sentence import Sentence, Span
from tagmates.data.task import Task
from tagmates.errors import ConfigError, DataError, TagmatesError
from tagmates.tagging.added_columns import unused_names
from tagmates.tagging.added_keys import TaggedInput
from tagmates.tagging.appending import appended, check_append
from tagmates.tagging.chunks import CHUNK_SIZE, read_chunks
from tagmates.tagging.decoding import HEAD_SIZE
from tagmates.tagging.read_options import ReadOptions
from tagmates.tagging.reading import lines_of, read_chunk, read_input, sentences_of_lines

WORDS: Sequence[Sequence[str]] = (
    ("Mika", "does", "n't", "paint", "."),
    ("Stones", "sink", "in", "the", "sea", "."),
    ("Anna", "said", ":", '"', "no", '"', "."),
    ("Gulls", ",", "1/2", "#", "sleep", "."),
)
TAGS = tuple(tuple("NVAP"[(i + len(own)) % 4] for i, _ in enumerate(own)) for own in WORDS)
ROWS = [list(zip(words, tags, strict=True)) for words, tags in zip(WORDS, TAGS, strict=True)]


def columns(separator: str, end: str = "\n", heading: str = "", before: str = "", behind: str = "") -> str:
    """The sentences with a word a line."""
    blocks = ["".join(f"{before}{w}{separator}{t}{behind}{end}" for w, t in rows) for rows in ROWS]
    return (heading + end if heading else "") + end.join(blocks)


def csv_of(*, always: bool = False, end: str = "\n", header: bool = True) -> str:
    """The sentences as CSV."""
    out = StringIO()
    writer = csv.writer(out, quoting=csv.QUOTE_ALL if always else csv.QUOTE_MINIMAL, lineterminator=end)
    writer.writerows([("id", "token", "pos")] if header else [])
    for number, rows in enumerate(ROWS):
        out.write(end if number else "")
        writer.writerows((str(at), *row) for at, row in enumerate(rows))
    return out.getvalue()


def kaggle() -> str:
    """CSV in which a column says where sentences begin."""
    out = StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(("Sentence #", "Word", "POS"))
    for number, rows in enumerate(ROWS, start=1):
        writer.writerows((f"Sentence: {number}" if at == 0 else "", *row) for at, row in enumerate(rows))
    return out.getvalue()


def conllu(end: str = "\n", feats: str = "_", misc: str = "_") -> str:
    """CoNLL-U with comments, a range and an empty node."""
    text = ""
    for number, rows in enumerate(ROWS, start=1):
        text += f"# sent_id = {number}{end}"
        for at, (word, tag) in enumerate(rows, start=1):
            text += f"{at}-{at + 1}\tx\t_\t_\t_\t_\t_\t_\t_\t_{end}" if at == 2 else ""
            text += f"{at}\t{word}\t_\t{tag}\t_\t{feats}\t0\tdep\t_\t{misc}{end}"
            text += f"{at}.1\ty\t_\t_\t_\t_\t_\t_\t_\t_{end}" if at == 3 else ""
        text += end
    return text


PLUS = "# global.columns = ID FORM UPOS X:Y\n# a\n1\tMika\tN\t*\n2-3\txy\t_\t_\n2\tdoes\tV\t*\n3\tn't\tP\t*\n\n"
BRACKETS = "#begin document (a); part 000\n" + "\n".join(
    "".join(f"bc/a 0 {at} {w} {t} * - - - X * -\n" for at, (w, t) in enumerate(rows)) for rows in ROWS
)
WEBANNO = (
    "#FORMAT=WebAnno TSV 3.3\n#T_SP=webanno.custom.Food|value\n\n\n#Text=Mika paints\n"
    "1-1\t0-4\tMika\tFOOD\t\n1-2\t5-11\tpaints\t_\t\n1-2.1\t5-8\tpai\t_\t\n\n#Text=He\n2-1\t12-14\tHe\t_\t\n"
)
JSONL = "".join(json.dumps({"id": 1, "tokens": w, "tags": t}) + "\n" for w, t in zip(WORDS, TAGS, strict=True))
SPANS = "".join(json.dumps({"text": " ".join(words), "label": [[0, 4, "X"]]}) + "\n" for words in WORDS)
TEXTS = (
    'id,text,label\n0,"",w\n1,"Mika paints, no. Stones sink.",x\n2,Gulls sleep.,y\n3,"She said ""no"".\nAnd left.",z\n'
)
LINES = "".join(" ".join(f"{w}###{t}" for w, t in rows) + "\n" for rows in ROWS)
FILES: dict[str, tuple[str, str]] = {
    "columns": ("columns", columns("\t")),
    "columns by spaces": ("columns", columns(" ", behind=" O")),
    "columns with a header": ("columns", columns("\t", heading="token\tpos")),
    "vertical": ("columns", "<doc id='1'>\n<s>\n" + columns("\t").replace("\n\n", "\n</s>\n<g/>\n<s>\n") + "</s>\n"),
    "columns with comments": ("columns", "# a b c\n" + columns("\t")),
    "numbered columns": ("columns", columns("\t", before="7\t")),
    "csv": ("csv", csv_of()),
    "quoted csv": ("csv", csv_of(always=True, end="\r\n")),
    "csv of Kaggle": ("csv", kaggle()),
    "lines": ("lines", LINES),
    "lines with two tags": ("lines", "".join(" ".join(f"{w}|{t}|O" for w, t in rows) + "\n" for rows in ROWS)),
    "conllu": ("conllu", conllu()),
    "conllu with crlf": ("conllu", conllu("\r\n")),
    "plus": ("conllu", PLUS),
    "conll2012": ("conll2012", BRACKETS),
    "jsonl": ("jsonl", JSONL),
    "jsonl of texts": ("jsonl", SPANS),
    "csv of texts": ("csv-text", TEXTS),
    "webanno": ("webanno", WEBANNO),
}
LISTS = {
    "json": ("json", json.dumps([{"tokens": words} for words in WORDS], indent=1)),
    "json on a line": ("json", json.dumps([{"tokens": words} for words in WORDS])),
    "json in an object": ("json", json.dumps({"n": [1], "data": [{"tokens": words} for words in WORDS]})),
    "json of rows": ("json", json.dumps(ROWS)),
    "json lines of rows": ("jsonl", "".join(json.dumps(row) + "\n" for row in ROWS)),
}


def written(tmp_path: Path, content: str | bytes, name: str = "input") -> str:
    """The path of a file with this content."""
    path = tmp_path / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return str(path)


def tokens_of(path: str, options: ReadOptions | None = None) -> list[tuple[str, ...]]:
    """The sentences of a file."""
    return list(read_input([path], options or ReadOptions()))


def repeated(
    files: Sequence[str], options: ReadOptions, tasks: Sequence[str], tag: Callable[[str], str], size: int
) -> bytes:
    """The files with a tag for every word of each task, as chunks of this size."""
    out = b""
    for chunk in read_chunks(files, options, size):
        lines, error = lines_of(chunk)
        found = []
        for words in sentences_of_lines(chunk, lines, error):
            tags = {task: tuple(map(tag, words.tokens)) for task in tasks}
            spans = {
                task: [Span(at, at + 1, tag(word)) for at, word in enumerate(words.tokens if words.in_text else ())]
                for task in tasks
            }
            found.append(TaggedInput(words, tags, spans))
        text = appended(lines, chunk.options, chunk.line, found, tasks)
        out += (chunk.before + text).encode(chunk.options.encoding)
    return out


def with_tags(path: str, options: ReadOptions, tasks: Sequence[str] = ("t",), size: int = CHUNK_SIZE) -> str:
    """A file with the length of every word as its tag."""
    return repeated(
        [path], replace(options, append=options.append or "auto"), tasks, lambda word: f"L{len(word)}", size
    ).decode()


# --- what is read ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [*FILES, *LISTS])
def test_a_format_is_seen_from_its_first_lines(name: str, tmp_path: Path) -> None:
    kind, text = (FILES | LISTS)[name]
    path = written(tmp_path, text)
    chunk = next(read_chunks([path], ReadOptions()))
    assert chunk.options.kind == kind
    assert chunk.note
    assert tokens_of(path) == tokens_of(path, ReadOptions(kind, 2 if name == "numbered columns" else None))
    if kind not in ("webanno", "csv-text") and name not in ("plus", "jsonl of texts"):
        assert tokens_of(path) == [tuple(words) for words in WORDS]


@pytest.mark.parametrize(
    ("name", "keys"),
    [
        ("columns", {}),
        ("columns by spaces", {"separator": None}),
        ("columns with a header", {"header": True, "token_column": "token", "tag_column": "pos"}),
        ("columns with comments", {"comment": "# "}),
        ("vertical", {"markup": True}),
        ("numbered columns", {"token_column": 2, "tag_column": 3}),
        ("csv", {"header": True, "token_column": "token", "tag_column": "pos"}),
        ("quoted csv", {"header": True, "token_column": "token", "tag_column": "pos"}),
        ("csv of Kaggle", {"header": True, "token_column": "Word", "tag_column": 3, "sentence_column": "Sentence #"}),
        ("lines", {"separator": "###"}),
        ("lines with two tags", {"separator": "|"}),
        ("conllu", {}),
        ("conllu with crlf", {}),
        ("conll2012", {"tag_column": 5, "scheme": "plain"}),
        ("jsonl", {}),
        ("jsonl of texts", {"token_column": "text", "tag_column": "label", "scheme": "iob2"}),
        ("webanno", {"tag_column": "Food"}),
        ("json", {"tag_column": "tokens"}),
        ("json on a line", {"tag_column": "tokens"}),
        ("json in an object", {"tag_column": "tokens"}),
        ("json of rows", {"token_column": "1", "tag_column": "2"}),
        ("json lines of rows", {"token_column": "1", "tag_column": "2"}),
    ],
)
def test_the_words_are_those_that_training_reads(name: str, keys: dict[str, Any], tmp_path: Path) -> None:
    kind, text = (FILES | LISTS)[name]
    path = written(tmp_path, text)
    task = Task(name="x", format=kind, folder=tmp_path, **keys)
    assert tokens_of(path) == [sentence.tokens for sentence in read_file(task, Path(path))]


@pytest.mark.parametrize("separator", [",", ", ", "|", ";"])
def test_columns_with_tags_of_spans_may_have_any_separator(separator: str, tmp_path: Path) -> None:
    rows = [("Mika", "B-PER"), ("Sol", "I-PER"), ("naps", "O"), (".", "O")]
    text = ("".join(f"{word}{separator}{tag}\n" for word, tag in rows) + "\n") * 5
    assert tokens_of(written(tmp_path, text.encode())) == [("Mika", "Sol", "naps", ".")] * 5


def test_conllu_is_not_taken_for_the_columns_of_training(tmp_path: Path) -> None:
    path = written(tmp_path, FILES["conllu"][1])
    trained = ReadOptions(kind="columns", separator="\t", token_column=1)
    assert list(read_input([path], ReadOptions(trained=trained))) == tokens_of(path)


def test_a_header_that_is_repeated_is_no_word(tmp_path: Path) -> None:
    rows = "token,pos\n" + "".join(f"{word},{tag}\n" for word, tag in ROWS[0])
    path = written(tmp_path, (rows + "\n") * 9)
    assert tokens_of(path) == [tuple(WORDS[0])] * 9
    for size in (40, CHUNK_SIZE):
        found = with_tags(path, ReadOptions(), size=size)
        assert found.split("\n").count("token,pos,t") == 9


def test_csv_with_another_separator_than_in_training(tmp_path: Path) -> None:
    text = '"Token";"NER"\n' + "".join(f'"{word}";"{tag}"\n' for word, tag in ROWS[0])
    trained = ReadOptions("csv", "token", ",", header=True, names=("token", "ner"))
    assert list(read_input([written(tmp_path, text)], ReadOptions(trained=trained))) == [tuple(WORDS[0])]


def test_a_row_that_may_cut_a_word_is_named(tmp_path: Path) -> None:
    path = written(tmp_path, ("Mika N B-X\npaints V O\nNew Delhi N B-X\n. P O\n\n") * 5)
    (chunk,) = read_chunks([path], ReadOptions(kind="columns"))
    assert chunk.note.endswith(f"; {path}:3 has 4 columns, the rows beside it 3: is 'New' the whole word?")


@pytest.mark.parametrize("words", ["New York\nParis\nLos Angeles\nRome\nHong Kong\n", "Gulls\nsleep\n"])
def test_terms_of_several_words_are_one_word_each(words: str, tmp_path: Path) -> None:
    assert tokens_of(written(tmp_path, words), ReadOptions("columns")) == [tuple(words.split("\n")[:-1])]


@pytest.mark.parametrize(
    ("content", "options"),
    [
        ("", ReadOptions(token_column="word")),
        ("\n", ReadOptions(token_column="word")),
        ("text\na;b;Oslo\n", ReadOptions("csv", 2, ";")),
    ],
)
def test_columns_that_no_row_names_give_no_traceback(content: str, options: ReadOptions, tmp_path: Path) -> None:
    with suppress(TagmatesError):
        tokens_of(written(tmp_path, content), options)


def listed(words: Sequence[str], form: str) -> str:
    """Words in one cell."""
    return {"space": " ".join(words), "list": repr(list(words)), "json": json.dumps(list(words))}[form]


@pytest.mark.parametrize("form", ["space", "list", "json"])
@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_rows_that_are_sentences(form: str, separator: str, tmp_path: Path) -> None:
    out = StringIO(newline="")
    rows = [
        (n, listed(words, form), listed(tags, form)) for n, (words, tags) in enumerate(zip(WORDS, TAGS, strict=True))
    ]
    csv.writer(out, delimiter=separator).writerows([("id", "sentence", "tags"), *rows])
    path = written(tmp_path, out.getvalue())
    wanted = [tuple(words) for words in WORDS]
    assert tokens_of(path) == tokens_of(path, ReadOptions("csv", "sentence")) == wanted
    assert tokens_of(path, ReadOptions("csv-text", "sentence")) != wanted  # these words are split as text is
    for size in (40, CHUNK_SIZE):
        found = with_tags(path, ReadOptions(), size=size)
        assert [row[:3] for row in csv.reader(StringIO(found, newline=""), delimiter=separator)] == list(
            csv.reader(StringIO(out.getvalue(), newline=""), delimiter=separator)
        )
        written(tmp_path, found, "out")
        keys: dict[str, Any] = {"format": "csv", "header": True, "sentence_rows": True, "separator": separator}
        task = Task(name="x", folder=tmp_path, token_column="sentence", tag_column="t", **keys)
        read = [(sentence.tokens, sentence.tags) for sentence in read_file(task, tmp_path / "out")]
        assert read == [(words, tuple(f"L{len(word)}" for word in words)) for words in wanted]


@pytest.mark.parametrize("kind", ["csv", "csv-text"])
def test_numbers_are_no_words_unless_they_are_named(kind: str, tmp_path: Path) -> None:
    path = written(tmp_path, "id,review\n1,Mika paints.\n2,He left.\n")
    with pytest.raises(DataError, match=r"column 1 holds only numbers; name the .* by --token-column: id, review"):
        tokens_of(path, ReadOptions(kind))
    assert len(tokens_of(path, ReadOptions(kind, "review"))) == 2
    assert tokens_of(path, ReadOptions("csv", "id")) == [("1", "2")]


def test_cells_that_are_all_lists_hold_words(tmp_path: Path) -> None:
    assert tokens_of(written(tmp_path, "id,words\n1,\"['Mika', 'no.']\"\n2,['He']\n")) == [("Mika", "no."), ("He",)]
    path = written(tmp_path, "id,text\n1,[laughs] no [sighs]\n2,[no]\n")
    assert tokens_of(path)[0][:3] == ("[", "laughs", "]")
    path = written(tmp_path, "id,words\n1,\"['Mika', 'no.']\"\n2,\"['He', 3, x]\"\n")
    with pytest.raises(DataError, match=r"input:3: .* is not a list of strings"):
        tokens_of(path, ReadOptions("csv", "words", sentence_rows=True))


def test_a_folder_of_brat_and_binary_files(tmp_path: Path) -> None:
    (tmp_path / "brat").mkdir()
    written(tmp_path, "Mika paints. He left.\r\nNow.", "brat/b.txt")
    written(tmp_path, "T1\tX 99 100\tno text\n", "brat/b.ann")  # what is annotated does not matter
    written(tmp_path, "Gulls sleep.", "brat/c.txt")
    written(tmp_path, "", "brat/c.ann")
    wanted = [("Mika", "paints", "."), ("He", "left", "."), ("Now", "."), ("Gulls", "sleep", ".")]
    assert tokens_of(str(tmp_path / "brat")) == wanted
    assert tokens_of(str(tmp_path / "brat" / "c.ann")) == wanted[3:]
    with pytest.raises(DataError, match=r"cannot be read"):
        tokens_of(str(tmp_path / "brat" / "none.ann"))
    with pytest.raises(
        ConfigError, match=r"--append: .* is read as text, to which no column can be added; .* --output conll, json"
    ):
        list(read_chunks([str(tmp_path / "brat")], ReadOptions(append="auto")))


def test_spacy_s_own_files(tmp_path: Path) -> None:
    spacy = pytest.importorskip("spacy")
    nlp = spacy.blank("en")
    nlp.add_pipe("sentencizer")
    path = tmp_path / "a.spacy"
    spacy.tokens.DocBin(docs=[nlp("Mika paints. He  left."), nlp("Gulls sleep.")]).to_disk(path)
    (chunk,) = read_chunks([str(path)], ReadOptions())
    sentences = list(read_chunk(chunk))
    assert [words.tokens for words in sentences] == [
        ("Mika", "paints", "."),
        ("He", "left", "."),
        ("Gulls", "sleep", "."),
    ]
    assert sentences[1].offsets == ((13, 15), (17, 21), (21, 22))


def test_spacy_s_own_files_without_spacy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "spacy.tokens", None)
    with pytest.raises(ConfigError, match=r"needs the package spacy: pip install"):
        tokens_of(written(tmp_path, b"x", "a.spacy"))


def test_parquet(tmp_path: Path) -> None:
    pa = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    parquet.write_table(pa.table({"words": list(map(list, WORDS)), "n": [1] * len(WORDS)}), tmp_path / "a.parquet")
    wanted = [tuple(words) for words in WORDS]
    assert tokens_of(str(tmp_path / "a.parquet")) == wanted
    assert tokens_of(str(tmp_path / "a.parquet"), ReadOptions(token_column="words")) == wanted
    (tmp_path / "set").mkdir()
    (tmp_path / "a.parquet").rename(tmp_path / "set" / "test-00000-of-00001.parquet")
    assert tokens_of(str(tmp_path / "set")) == wanted
    (tmp_path / "set" / "train.parquet").write_bytes((tmp_path / "set" / "test-00000-of-00001.parquet").read_bytes())
    assert tokens_of(str(tmp_path / "set" / "test")) == wanted
    with pytest.raises(DataError, match=r"holds several splits; name one as .*test; there are test, train"):
        tokens_of(str(tmp_path / "set"))
    with pytest.raises(ConfigError, match="reads a file or folder by its name"):
        tokens_of("-", ReadOptions("huggingface"))


PROSE = [
    "Mika paints.\n",
    "Hello world\n",
    "Mika paints. Otters juggle stones!\n\nNobody sails to Port Ness",
    "Red rose,\nblue sky,\n\nold house,\nnew door.\n" * 20,
    "- red roses\n- blue skies\n\n- old houses\n- new doors\n" * 20,
    "* one thing\n* two things\n\n1. three things\n",
    "a = 1\nb = 2\nc = 3\n",
    "[1] Smith, J. A book.\n[2] Lind, M. Another.\n",
    "{not json} but text\n",
    '"Yes", she said.\n"No", he said.\n',
    "and/or he/she\nhis/her\n",
    "snake_case other_name\n",
    "Dear Anna,\n\n    see you.\n\nMika\n",
    "# Title\n\nA paragraph, and one | with a bar.\n\n| a | b |\n| c | d |\n",
    "First, second, third\nfourth, fifth, sixth\n",
    "word\nanother\nthird\n",
    "He said:\tno.\nShe left.\n",
    "He came; she left.\nWe saw; we won.\n",
    "red rose;\nblue sky;\n\nold house;\nnew door;\n" * 20,
    "Q&amp;A\nred &lt;b&gt; blue\n",
    "He came;she left\n",
    "wow ;D\nno ;P\n",
    "@prefix is a word of Turtle.\nMika knows it.\n",
    "OpenNLP reads lines such as this:\n<START:name> Mika <END> paints .\nIt is old.\n",
]


@pytest.mark.parametrize("text", PROSE)
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_text_stays_text(text: str, end: str, tmp_path: Path) -> None:
    for chunk in read_chunks([written(tmp_path, text.replace("\n", end))], ReadOptions()):
        assert (chunk.options.kind, chunk.note) == ("text", "")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            b"version https://git-lfs.github.com/spec/v1\nsize 12\n",
            r"input: is a Git LFS pointer; fetch the file by git",
        ),
        (b"%PDF-1.4", r"input: is a PDF: save its text .* these formats are read: raw text, column files"),
        (b"PK\x03\x04", r"input: is packed \(zip"),
        (b"\x1f\x8b\x08\x00", r"input: is packed, and damaged \(.*\); copy it again"),
        (b"<?xml version='1.0'?>\n<s>Mika</s>\n", r"input: is XML or HTML; .* or say --input text"),
        (
            conllu().replace("\t", " ").encode(),
            r"input: is CoNLL-U, but its columns are separated by spaces; separate them by tabs",
        ),
        (b'{"tokens": ["Mika", null]}\n', r"input:1: number 2 in 'tokens' is null, not a string"),
        (b"#FORMAT=WebAnno TSV 2\n", r"WebAnno TSV of another version than 3"),
        (b"Chapter\t12\nIntro\t1\n", r"has tabs, but .* say --input columns or --input text"),
        (b"-DOCSTART- -X- O\n\nNew Delhi _ B\nis _ O\n. _ O\n" * 9, r"lines have 3 columns .* or say --input text"),
        (b'{"a": 1, "b": 2}\n', r"no key is known to hold words or a text; name it with --token-column: a, b"),
        (b'{"tokens": ["a"]}\n{"toks": ["a"]}\n', r"input:2: has no 'tokens'.*set --token-column to one of toks"),
        (b'[{"tokens": ["a"]', r"input.* is not JSON"),
        ("größe\tN\nist\tV\n.\tP\n".encode("latin-1"), r"input:1: is not UTF-8 .* name its --encoding, as latin-1"),
        (columns("\t").replace("\n", "\r").encode(), r"input:1: has a line end inside a line"),
        (json.dumps([{"context": "a b", "start_position": [0], "end_position": [0]}]).encode(), r"as for MRC-NER"),
        (json.dumps([[{"text": "a", "ner": "O"}]]).encode(), r"as Stanza trains from"),
        (b"File,Begin Offset,End Offset\n" + b"a,0,4\n" * 50, r"input: is a table of spans"),
        (b"7|t|Gulls\n7|a|They sleep.\n7\t0\t5\tGulls\tAnimal\n", r"input: is PubTator, .*; --input names one"),
        (b"<urn:a> <urn:b> <urn:c> .\n", r"input: is RDF"),
        (b"<START:name> Mika <END> paints .\n", r"input: has the mark-up of OpenNLP"),
        (
            b'{"a1": {"text": "Mika."}, "a2": {"text": "He."}}\n',
            r"input: is one JSON object, whose keys \(a1, a2\) lead",
        ),
        (b"Mika\x02paints\tN\x02V\n", r"input: has the character U\+0002"),
        (b"", r"input: holds no word to tag"),
        (
            b"Mika/N\nnaps/V\n./P\n",
            r"input: seems to have one word with its tag on each line; say .*separator '/', .* or --input text if",
        ),
        (b" [ ]\n", r"input: holds no word to tag"),
        (
            b'id,review,label\n1,"Mika paints New York, and sleeps.",x\n2,Good.,y\n',
            r"input: is CSV, but it is not clear .* or name the column of words or texts by --token-column",
        ),
        (
            "Věta;Slovo;Znak\nV1;Mika;N\n;maluje;V\n;.;P\nV2;Otto;N\n;.;P\n".encode(),
            r"input: has semicolons, but it is not clear .* say --input csv and name the column of words by",
        ),
        ("Věta: 1;Mika;B-X\nVěta: 1;.;O\n".encode() * 9, r"input: has semicolons, but it is not clear"),
    ],
)
def test_what_is_not_read_is_refused_with_what_was_seen(content: bytes, message: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=message):
        tokens_of(written(tmp_path, content))


@pytest.mark.parametrize(
    ("text", "options", "words"),
    [
        ("a;b\nMika;N\n;\npaints;V\n", ReadOptions("csv", "a"), [("Mika",), ("paints",)]),
        ("N;Mika\nV;paints\n", ReadOptions("csv", 2, ";", header=False), [("Mika", "paints")]),
        ("x\tform\n7\tMika\n8\tpaints\n", ReadOptions(token_column="form"), [("Mika", "paints")]),
        ("id,body\n1,Mika paints.\n2,He.\n", ReadOptions(token_column="body"), [("Mika", "paints", "."), ("He", ".")]),
        ("id,body\n1,Mika paints.\n2,He left.\n", ReadOptions("csv", 2), [("Mika", "paints", "."), ("He", "left", ".")]),  # noqa: E501
        ("token\nMika\npaints\n", ReadOptions("csv"), [("Mika", "paints")]),
        ("id,body\n1,Mika paints.\n2,He.\n", ReadOptions("csv-text", "body"), [("Mika", "paints", "."), ("He", ".")]),
        ("s,w\na,Mika\na,paints\nb,He\n", ReadOptions("csv", "w", sentence_columns=("s",)), [("Mika", "paints"), ("He",)]),  # noqa: E501
        ("d,s,w\na,1,Mika\na,1,paints\nb,1,He\n", ReadOptions("csv", "w", sentence_columns=("d", "s")), [("Mika", "paints"), ("He",)]),  # noqa: E501
        ("doc,sent,word,pos\na,1,Mika,N\na,1,paints,V\nb,1,He,P\nb,2,She,P\n", ReadOptions(), [("Mika", "paints"), ("He",), ("She",)]),  # noqa: E501
        ("Satz;Wort;Tag\nSatz 1;Mika;B-X\n;malt;O\nSatz 2;Anna;B-X\n;.;O\n", ReadOptions(), [("Mika", "malt"), ("Anna", ".")]),  # noqa: E501
        ("Satz;Wort\nSatz: 1;Mika\nSatz: 1;malt\nSatz: 2;Anna\n", ReadOptions(), [("Mika", "malt"), ("Anna",)]),
        ("\ufeffPhrase;Mot;Étiquette\r\n1;Mika;N\r\n;dort;V\r\n", ReadOptions(), [("Mika", "dort")]),
        ("n,Parola,Tag\n1,Mika,N\n1,dorme,V\n1,.,P\n2,Anna,N\n2,ride,V\n2,.,P\n", ReadOptions(), [("Mika", "dorme", "."), ("Anna", "ride", ".")]),  # noqa: E501
        ("Mika;B-X\npaints;O\n\nHe;O\nleft;O\n", ReadOptions(), [("Mika", "paints"), ("He", "left")]),
        ("Věta;Slovo\nV1;Mika\nV1;maluje\n", ReadOptions("csv", "Slovo"), [("Mika", "maluje")]),
        ("sep=;\nword;tag\nMika;N\npaints;V\n", ReadOptions(), [("Mika", "paints")]),
        ("id, word, tag\n1, Mika, N\n1, paints, V\n", ReadOptions(), [("Mika", "paints")]),
        ("id, text\n1, Mika paints here.\n2, He left us.\n", ReadOptions(), [("Mika", "paints", "here", "."), ("He", "left", "us", ".")]),  # noqa: E501
        ("N/Mika V/paints\n", ReadOptions("lines", 2, "/"), [("Mika", "paints")]),
        ("Mika_NNP paints_VBZ ._.\n", ReadOptions(), [("Mika", "paints", ".")]),
        ("The/at sea/nn ./.\n" * 2, ReadOptions(), [("The", "sea", ".")] * 2),
        ("Mika|NNP|I-PER paints|VBZ|O .|.|O\n", ReadOptions(), [("Mika", "paints", ".")]),
        ("Mika  paints\n\nHe\n", ReadOptions("lines"), [("Mika", "paints"), ("He",)]),
        (conllu(), ReadOptions("conllu", "upos"), list(TAGS)),
        (PLUS, ReadOptions("conllu", "UPOS"), [("N", "V", "P")]),
        ('["Mika paints.", {"entities": []}]\n', ReadOptions(), [("Mika", "paints", ".")]),
        ('{"data": {"text": "Mika paints."}, "annotations": []}\n', ReadOptions(), [("Mika", "paints", ".")]),
        ('{"data": [{"words": ["Mika"]}]}', ReadOptions(), [("Mika",)]),
        ('[{"id": "a", "data": {"review": "Mika paints."}}]', ReadOptions(), [("Mika", "paints", ".")]),
        ('token,n\n"Mika",1\npaints,2\n\nHe,3\n', ReadOptions(), [("Mika", "paints"), ("He",)]),
        ("word, tag\nMika, N\npaints, V\n", ReadOptions(), [("Mika", "paints")]),
        ('id,text\r\n1,"Mika\r\npaints."\r\n2,"He."\r\n3,""\r\n', ReadOptions(), [("Mika", "paints", "."), ("He", ".")]),  # noqa: E501
        ('{"tokens": []}\n{"tokens": ["-DOCSTART-"]}\n{"tokens": ["Mika"]}\n', ReadOptions(), [("Mika",)]),
    ],
)  # fmt: skip
def test_options_say_where_words_are(
    text: str, options: ReadOptions, words: list[tuple[str, ...]], tmp_path: Path
) -> None:
    assert tokens_of(written(tmp_path, text), options) == words


@pytest.mark.parametrize(
    ("encoding", "mark"),
    [("utf-8", "\ufeff"), ("utf-16", ""), ("utf-16-le", "\ufeff"), ("utf-16-be", ""), ("utf-32", ""), ("latin-1", "")],
)
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_other_encodings_are_read_and_written(encoding: str, mark: str, end: str, tmp_path: Path) -> None:
    text = mark + columns("\t", end).replace("Mika", "Größe")
    path = written(tmp_path, text.encode(encoding))
    options = ReadOptions(encoding="latin-1") if encoding == "latin-1" else ReadOptions()
    assert tokens_of(path, options)[0] == ("Größe", *WORDS[0][1:])
    found = repeated([path], replace(options, append="auto"), ("t",), lambda _: "x", 64)
    assert found.decode(encoding) == mark.removeprefix("\ufeff" if encoding == "utf-16" else "") + "".join(
        f"{line}\tx{end}" if line else end for line in text.removeprefix(mark).split(end)[:-1]
    ).join([mark, ""] if mark else ["", ""]).removeprefix(mark)


def test_an_encoding_that_does_not_fit_is_named_with_its_line(tmp_path: Path) -> None:
    path = written(tmp_path, "Mika\tN\n\n".encode("utf-16-le") * 20_000 + b"\x00\xd8" * 2)
    with pytest.raises(DataError, match=r"input:40001: is not utf-16-le; name the right --encoding, or repair it"):
        tokens_of(path, ReadOptions("columns", encoding="utf-16-le"))


def test_a_tag_that_the_encoding_lacks(tmp_path: Path) -> None:
    path = written(tmp_path, columns("\t").encode("latin-1"))
    with pytest.raises(UnicodeEncodeError):
        repeated([path], ReadOptions(encoding="latin-1", append="auto"), ("t",), lambda _: "名", CHUNK_SIZE)


# --- what is written -------------------------------------------------------------------------------------------------


@settings(max_examples=60)
@given(
    name=st.sampled_from(list(FILES)),
    size=st.integers(40, 400),
    end=st.sampled_from(["\n", "\r\n"]),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-16-be"]),
    cut=st.booleans(),
    times=st.integers(1, 4),
)
def test_without_tags_every_byte_stays(
    name: str, size: int, end: str, encoding: str, cut: bool, times: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    kind, text = FILES[name]
    head = text[: text.index("\n") + 1] if "header" in name or "csv" in kind or name == "plus" else ""
    text = head + text.removeprefix(head).rstrip("\r\n").join(
        [""] + [end * (1 if kind in ("lines", "jsonl") else 2)] * times
    )
    text = text.replace("\r\n", "\n").replace("\n", end)
    text = text.rstrip("\r\n") if cut else text
    content = text.encode(encoding)
    path = written(tmp_path_factory.getbasetemp(), content)
    column = 2 if name == "numbered columns" else None
    options = ReadOptions(kind, column, append="auto", encoding="utf-16-be" if encoding == "utf-16-be" else "")
    assert repeated([path], options, (), str, size) == content


CELLS = st.text(st.sampled_from("aß,;\"'|#-\t"), min_size=1, max_size=5).filter(lambda cell: len(cell.split()) == 1)


@settings(max_examples=60)
@given(
    rows=st.lists(st.lists(CELLS, min_size=2, max_size=2), min_size=1, max_size=20),
    separator=st.sampled_from(",;\t"),
    quoting=st.sampled_from([csv.QUOTE_ALL, csv.QUOTE_MINIMAL, csv.QUOTE_NONNUMERIC]),
    end=st.sampled_from(["\n", "\r\n"]),
    size=st.integers(8, 100),
)
def test_csv_keeps_its_cells_and_gets_one_more(
    rows: list[list[str]], separator: str, quoting: Any, end: str, size: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    out = StringIO(newline="")
    csv.writer(out, delimiter=separator, quoting=quoting, lineterminator=end).writerows([["w", "x"], *rows])
    path = written(tmp_path_factory.getbasetemp(), out.getvalue())
    options = ReadOptions("csv", "w", separator, header=True, comment="%", append="auto")
    assert repeated([path], options, (), str, size).decode() == out.getvalue()
    found = repeated([path], options, ("t",), lambda word: f'{word[:1]}{separator}"', size).decode()
    again = list(csv.reader(StringIO(found, newline=""), delimiter=separator))
    assert again == [["w", "x", "t"], *([*row, f'{row[0][:1]}{separator}"'] for row in rows)]
    for old, new in zip(out.getvalue().split(end), found.split(end), strict=True):
        assert new.startswith(old)


@pytest.mark.parametrize("name", ["columns", "columns by spaces", "columns with a header", "numbered columns"])
def test_a_column_is_read_as_tags_again(name: str, tmp_path: Path) -> None:
    path = written(tmp_path, FILES[name][1])
    for size in (30, CHUNK_SIZE):
        written(tmp_path, with_tags(path, ReadOptions("columns", 2 if "numbered" in name else None), size=size), "out")
        header = "header" in name
        task = Task(
            name="x",
            folder=tmp_path,
            separator=None if "spaces" in name else "\t",
            header=header,
            token_column=2 if "numbered" in name else 1,
            tag_column="t" if header else -1,
        )
        assert read_file(task, tmp_path / "out") == [
            Sentence(tuple(words), tuple(f"L{len(word)}" for word in words), sentence.line)
            for words, sentence in zip(WORDS, read_file(task, tmp_path / "out"), strict=True)
        ]


@pytest.mark.parametrize("append", ["auto", "misc", "feats", "column"])
def test_conllu_gets_keys_or_columns(append: Any, tmp_path: Path) -> None:
    text = conllu(feats="Number=Sing|t=old|Case=Nom", misc="SpaceAfter=No|t=old")
    found = with_tags(written(tmp_path, text), ReadOptions(append=append))
    path = Path(written(tmp_path, found, "out"))
    column = {"auto": "misc:t", "misc": "misc:t", "feats": "feats:t", "column": "TAGMATES:t"}[append]
    read = read_conllu(path, column=column)
    assert [sentence.tags for sentence in read] == [tuple(f"L{len(word)}" for word in words) for words in WORDS]
    old, new = text.split("\n"), found.split("\n")
    if append == "column":
        assert new.pop(0) == "# global.columns = ID FORM LEMMA UPOS XPOS FEATS HEAD DEPREL DEPS MISC TAGMATES:t"
    for before, after in zip(old, new, strict=True):
        if append == "column":
            assert after.startswith(before) and (not before or before[0] == "#" or after.count("\t") == 10)
        elif not before.partition("\t")[0].isdigit():
            assert after == before
        else:
            cells, others = before.split("\t"), after.split("\t")
            at = 5 if append == "feats" else 9
            own = others.pop(at)
            cells.pop(at)
            assert cells == others
            parts = [part.partition("=")[0] for part in own.split("|")]
            assert parts == (["Case", "Number", "t"] if append == "feats" else ["SpaceAfter", "t"])


def test_keys_of_feats_are_sorted_and_a_blank_is_none(tmp_path: Path) -> None:
    row = "1\tMika\t_\tN\t_\t{}\t0\tdep\t_\t_\n\n"
    path = written(tmp_path, row.format("_") + row.format("Aspect=Imp|Zeta=1") + row.format("number=x"))
    tags = iter(["Sing", "_", "_"])
    found = repeated(
        [path], ReadOptions("conllu", append="feats"), ("number",), lambda _: next(tags), CHUNK_SIZE
    ).decode()
    assert [line.split("\t")[5] for line in found.split("\n") if line] == ["number=Sing", "Aspect=Imp|Zeta=1", "_"]
    bars = repeated([path], ReadOptions("conllu", append="misc"), ("t",), lambda _: "a|b", CHUNK_SIZE).decode()
    assert bars.count("\tt=a\\pb\n") == 3
    written(tmp_path, bars, "out")
    assert [s.tags for s in read_conllu(tmp_path / "out", column="misc:t")] == [("a|b",)] * 3
    with pytest.raises(DataError, match="cannot be a key of FEATS; --append column can hold it"):
        repeated([path], ReadOptions("conllu", append="feats"), ("t",), lambda _: "a b", CHUNK_SIZE)
    spaces = repeated([path], ReadOptions("conllu", append="misc"), ("t",), lambda _: "a b", CHUNK_SIZE).decode()
    written(tmp_path, spaces, "out")
    assert [s.tags for s in read_conllu(tmp_path / "out", column="misc:t")] == [("a b",)] * 3


def test_conllu_plus_names_the_new_column(tmp_path: Path) -> None:
    old, new = PLUS.split("\n"), with_tags(written(tmp_path, PLUS), ReadOptions()).split("\n")
    assert new[0] == old[0] + " TAGMATES:t"
    assert new[1:] == [old[1], old[2] + "\tL4", old[3] + "\t_", old[4] + "\tL4", old[5] + "\tL3", "", ""]
    late = "# newdoc id = global.columns\n" + PLUS.lower()
    assert tokens_of(written(tmp_path, late)) == [("mika", "does", "n't")]
    old, new = late.split("\n"), with_tags(written(tmp_path, late), ReadOptions()).split("\n")
    assert new[:5] == [old[0], old[1] + " TAGMATES:t", old[2], old[3] + "\tL4", old[4] + "\t_"]
    with pytest.raises(ConfigError, match=r"--append misc: .* has no column MISC; choose column"):
        with_tags(written(tmp_path, PLUS), ReadOptions(append="misc"))


def test_records_get_keys(tmp_path: Path) -> None:
    text = '{"tokens":["Mika" , "\\u00df"],  "n": 1.50}\r\n\r\n{"tokens": []}\n{ "t": 1, "tokens": ["x"] }'
    found = with_tags(written(tmp_path, text), ReadOptions(), ("t", "u")).split("\n")
    assert found[0] == '{"tokens":["Mika" , "\\u00df"],  "n": 1.50, "t": ["L4", "L1"], "u": ["L4", "L1"]}\r'
    assert found[1:3] == ["\r", '{"tokens": [], "t": [], "u": []}']
    assert json.loads(found[3]) == {"t": ["L1"], "tokens": ["x"], "u": ["L1"]}


def test_texts_get_spans_of_characters_that_training_reads(tmp_path: Path) -> None:
    found = with_tags(written(tmp_path, '{"text": "Mika paints. He left."}\n'), ReadOptions())
    record = json.loads(found)
    assert [record["text"][start:end] for start, end, _ in record["t"]] == ["Mika", "paints", ".", "He", "left", "."]
    path = Path(written(tmp_path, found, "out"))
    task = Task(name="x", format="jsonl", token_column="text", tag_column="t", scheme="iob2", folder=tmp_path)
    assert [sentence.tags for sentence in read_file(task, path)] == [("B-L4", "B-L6", "B-L1"), ("B-L2", "B-L4", "B-L1")]
    rows = list(csv.reader(StringIO(with_tags(written(tmp_path, TEXTS), ReadOptions()), newline="")))
    assert [row[:3] for row in rows] == list(csv.reader(StringIO(TEXTS, newline="")))
    assert [row[3] for row in rows[:2]] == ["t", "[]"]
    for row in rows[2:]:
        assert {len(row[1][start:end]) for start, end, _ in json.loads(row[3])} == {
            int(label[1:]) for _, _, label in json.loads(row[3])
        }


def test_lines_get_parts_of_words(tmp_path: Path) -> None:
    found = with_tags(written(tmp_path, "Mika###N  sinks###V\r\n\n x###N\n"), ReadOptions("lines", separator="###"))
    assert found == "Mika###N###L4  sinks###V###L5\r\n\n x###N###L1\n"
    assert with_tags(written(tmp_path, "1/2 Mika"), ReadOptions("lines")) == "1/2/L3 Mika/L4"
    with pytest.raises(DataError, match="or white space, which separates words and tags"):
        repeated([written(tmp_path, "a b")], ReadOptions("lines", append="auto"), ("t",), lambda _: "x/y", CHUNK_SIZE)


def test_a_tag_with_a_separator_in_it(tmp_path: Path) -> None:
    path = written(tmp_path, columns(" "))
    with pytest.raises(DataError, match="the tag 'x y' contains ' ', which separates columns"):
        repeated([path], ReadOptions("columns", append="auto"), ("t",), lambda _: "x y", CHUNK_SIZE)


def test_a_name_that_a_header_has_is_not_given_twice(tmp_path: Path) -> None:
    found = with_tags(written(tmp_path, csv_of()), ReadOptions(), ("pos", "new"))
    assert found.startswith("id,token,pos,pos_2,new\n0,Mika,")


def test_what_takes_no_column_says_so(tmp_path: Path) -> None:
    pattern = "--append: .* is read as text, to which no column can be added; .* choose --output conll, json or table"
    with pytest.raises(ConfigError, match=pattern):
        list(read_chunks([written(tmp_path, "Mika paints.")], ReadOptions(append="auto")))
    with pytest.raises(ConfigError, match="has no column FEATS"):
        check_append(ReadOptions("columns", append="feats"), "a")


@pytest.mark.parametrize(
    ("names", "tasks", "new"),
    [(["a"], ["a", "a_2"], ["a_2", "a_2_2"]), ([], ["a", "b"], ["a", "b"]), (["a", "a_2"], ["a"], ["a_3"])],
)
def test_new_names_differ_from_all_others(names: list[str], tasks: list[str], new: list[str]) -> None:
    assert unused_names(tasks, names) == new


def test_columns_of_conllu_plus_can_be_added_twice(tmp_path: Path) -> None:
    once = with_tags(written(tmp_path, PLUS), ReadOptions())
    twice = with_tags(written(tmp_path, once), ReadOptions())
    named = next(line for line in twice.split("\n") if "global.columns" in line).split()
    assert len({*named}) == len(named)


def test_names_of_columns_may_be_in_small_letters(tmp_path: Path) -> None:
    text = "# global.columns = id form upos misc\n1\tMika\tN\t_\n\n"
    found = repeated([written(tmp_path, text)], ReadOptions("conllu", append="misc"), ("t",), lambda _: "X", CHUNK_SIZE)
    assert found.decode().split("\n")[1] == "1\tMika\tN\tt=X"


def test_rows_of_csv_with_cells_of_several_lines(tmp_path: Path) -> None:
    text = 'word,"note\n(free)"\nMika,"a\nb"\nsinks,c\n'
    found = repeated([written(tmp_path, text)], ReadOptions("csv", append="auto"), ("t",), lambda _: "X", CHUNK_SIZE)
    assert found.decode() == 'word,"note\n(free)",t\nMika,"a\nb",X\nsinks,c,X\n'


def test_several_files_are_repeated_with_a_blank_line_between(tmp_path: Path) -> None:
    files = [
        written(tmp_path, text, name)
        for name, text in (("a", "\ufeffMika\tN\n"), ("b", "\ufeffsinks\tV"), ("c", ".\tP\n\n"))
    ]
    found = repeated(files, ReadOptions("columns", append="auto"), ("t",), lambda _: "x", CHUNK_SIZE).decode()
    assert found == "\ufeffMika\tN\tx\n\nsinks\tV\tx\n\n.\tP\tx\n\n"
    with pytest.raises(ConfigError, match="names its columns in a header line; append to one such file at a time"):
        list(read_chunks([written(tmp_path, csv_of())] * 2, ReadOptions("csv", append="auto")))
    for text in (WEBANNO, LISTS["json"][1]):
        with pytest.raises(ConfigError, match="cannot be joined to another file; append to one such file at a time"):
            list(read_chunks([written(tmp_path, text)] * 2, ReadOptions(append="auto")))
    for pair in ([PLUS, conllu()], [conllu(), PLUS]):
        files = [written(tmp_path, text, str(number)) for number, text in enumerate(pair)]
        with pytest.raises(ConfigError, match="names its columns in a header line"):
            list(read_chunks(files, ReadOptions(append="auto")))
    mixed = [written(tmp_path, "", "none"), written(tmp_path, columns("\t"), "d"), written(tmp_path, conllu(), "e")]
    with pytest.raises(ConfigError, match=r"e is read as conllu, the file before it as columns; append to"):
        list(read_chunks(mixed, ReadOptions(append="auto")))


@pytest.mark.parametrize("size", [16, CHUNK_SIZE])
@pytest.mark.parametrize("separator", ["\t", " ", ";"])
@pytest.mark.parametrize(("comments", "word"), [("#1", "#oslo"), ("#id=2", "#"), ("# sent 1", "#oslo")])
def test_words_that_begin_like_comments_are_rows(
    comments: str, word: str, separator: str, size: int, tmp_path: Path
) -> None:
    """A row has all the columns of the table, which a comment without any has not."""
    rows = [f"{each}{separator}{tag}" for each, tag in ((word, "O"), ("Mika", "B-PER"), (".", "O"))]
    text = "\n".join([comments, rows[1], rows[2], "", comments, *rows, ""])
    path = written(tmp_path, text)
    options = ReadOptions("csv", 1, header=False) if separator == ";" else ReadOptions()
    found = with_tags(path, options, size=size).split("\n")
    assert found.count(comments) == 2
    assert sum(line.startswith(f"{word}{separator}O{separator}") for line in found) == 1


def test_a_row_that_is_skipped_as_a_comment_is_named(tmp_path: Path) -> None:
    """Here a comment has as many columns as a row."""
    path = written(tmp_path, "# a\tb\nMika\tB-PER\n.\tO\n\n#c\n#oslo\tO\nMika\tB-PER\n.\tO\n")
    (chunk,) = read_chunks([path], ReadOptions())
    assert f"; {path}:6: '#oslo\\tO' is skipped as a comment; if it is a row, give the beginn" in chunk.note
    (chunk,) = read_chunks([path], ReadOptions(comment="# "))
    assert "is skipped as" not in chunk.note


# --- chunks ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", list(FILES))
def test_sentences_are_the_same_however_short_the_pieces(name: str, tmp_path: Path) -> None:
    kind, text = FILES[name]
    path = written(tmp_path, text)
    options = ReadOptions(kind, 2 if name == "numbered columns" else None)
    many = [words.tokens for chunk in read_chunks([path], options, 64) for words in read_chunk(chunk)]
    if kind in ("columns", "conll2012"):  # a sentence that is longer than a chunk comes apart
        whole = tokens_of(path, options)
        assert [word for words in many for word in words] == [word for words in whole for word in words]
    else:
        assert many == tokens_of(path)
    assert len(list(read_chunks([path], options, 16))) > (name not in ("plus", "csv of texts"))


def test_a_row_with_open_quotes_ends_in_one_line(tmp_path: Path) -> None:
    path = written(tmp_path, 'token,pos\nMika,N\n"sinks,V\n' + "a,N\n" * 40)
    with pytest.raises(DataError, match=r"input:3: is not CSV"):
        tokens_of(path, ReadOptions("csv"))


def test_the_first_record_may_be_longer_than_what_is_looked_at(tmp_path: Path) -> None:
    long = json.dumps({"id": "x" * 3 * HEAD_SIZE, "tokens": ["Mika"]}) + "\n"
    assert tokens_of(written(tmp_path, long * 3)) == [("Mika",)] * 3


@settings(max_examples=80)
@given(
    content=st.lists(
        st.sampled_from([*'aB,;|/#{}[]"\n\t :0', "\r\n", "\0", "ß", "1\t", "-DOCSTART-", '{"text": "a b"}']),
        max_size=60,
    ),
    kind=st.sampled_from(
        ["auto", "columns", "csv", "csv-text", "lines", "conllu", "conll2012", "webanno", "jsonl", "json"]
    ),
    size=st.integers(4, 60),
)
def test_whatever_comes_in_is_read_or_refused_in_one_line(
    content: list[str], kind: str, size: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    data = "".join(content).encode()
    path = written(tmp_path_factory.getbasetemp(), data)
    try:
        chunks = list(read_chunks([path], ReadOptions(kind, append="auto" if kind != "auto" else ""), size))
        for chunk in chunks:
            assert all(words.tokens and all(words.tokens) for words in read_chunk(chunk))
        if kind != "auto":
            assert b"".join(chunk.data for chunk in chunks) == data
    except TagmatesError as error:
        assert "\n" not in str(error)
