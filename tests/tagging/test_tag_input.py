"""``tagmates tag``: where the words of its input are, and what JSON output says about them."""

import json
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tagmates import Tagger
from tagmates.apps.cli import app
from tagmates.apps.shared import end
from tagmates.data.formats.table import words_in
from tagmates.data.sentence import Span
from tagmates.errors import ConfigError, DataError
from tagmates.files import write_json
from tagmates.tagging import appending
from tagmates.tagging.added_keys import TaggedInput
from tagmates.tagging.chunks import CHUNK_SIZE, read_chunks
from tagmates.tagging.decoding import HEAD_SIZE
from tagmates.tagging.read_options import ReadOptions, check_options
from tagmates.tagging.reading import lines_of, read_chunk, read_input, sentences_of_lines
from tagmates.tagging.tagged_chunks import TaggingJob, tag_chunk
from tagmates.tagging.training_format import with_training_format

CONLLU = (
    "# sent_id = 1\n"
    "1\tMika\tMika\tPROPN\t_\t_\t3\tnsubj\t_\t_\n"
    "2-3\tdoesn't\t_\t_\t_\t_\t_\t_\t_\t_\n"
    "2\tdoes\tdo\tAUX\t_\t_\t3\taux\t_\t_\n"
    "3\tn't\tnot\tPART\t_\t_\t0\troot\t_\tSpaceAfter=No|upos=old\n"
    "3.1\tpaint\tpaint\tVERB\t_\t_\t_\t_\t_\t_\n"
    "\n"
    "# sent_id = 2\n"
    "1\tStones\tstone\tNOUN\t_\t_\t2\tnsubj\t_\t_\n"
    "2\tsink\tsink\tVERB\t_\t_\t0\troot\t_\t_\n"
    "\n"
)
WORDS = [("Mika", "does", "n't"), ("Stones", "sink")]


@pytest.fixture(scope="module")
def tagger() -> Tagger:
    """The model in the box."""
    return Tagger.from_pretrained("en")


def words(tmp_path: Path, text: str, options: ReadOptions) -> list[tuple[str, ...]]:
    """The sentences of a file with this text."""
    (tmp_path / "input").write_text(text, encoding="utf-8")
    return list(read_input([str(tmp_path / "input")], options))


@pytest.mark.parametrize("kind", ["conll", "conllu"])
def test_the_words_of_conllu_are_its_forms(kind: str, tmp_path: Path) -> None:
    assert words(tmp_path, CONLLU, ReadOptions(kind)) == WORDS


def test_conllu_with_spaces_is_read_as_columns_if_every_row_is_a_word(tmp_path: Path) -> None:
    rows = [line for line in CONLLU.split("\n") if not line.startswith(("2-3", "3.1"))]
    assert words(tmp_path, "\n".join(rows).replace("\t", "  "), ReadOptions()) == WORDS


@pytest.mark.parametrize(
    "text", ["We annotate with WebAnno every day.\nIt is fine.\n", "They begin document by document.\nIt is fine.\n"]
)
def test_prose_may_name_formats(text: str, tmp_path: Path) -> None:
    assert words(tmp_path, text, ReadOptions())[1] == ("It", "is", "fine", ".")


def test_comments_before_words_alone_on_their_lines(tmp_path: Path) -> None:
    text = "".join(f"# sent_id = {at}\nMika\nsinks\n.\n\n" for at in range(3))
    assert words(tmp_path, text, ReadOptions()) == [("Mika", "sinks", ".")] * 3


def test_a_mark_of_a_document_is_whole(tmp_path: Path) -> None:
    text = "#begin document (a);\n#endgame * x\nMika * x\n\n#end document\n"
    assert words(tmp_path, text, ReadOptions("conll2012", 1)) == [("#endgame", "Mika")]


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ({"classes": ["PER", "LOC"], "annotations": [["Ada sat .", {"entities": []}]]}, ("Ada", "sat", ".")),
        ({"classes": ["PER", "LOC"], "annotations": [None, ["Ada sat .", {"entities": []}]]}, ("Ada", "sat", ".")),
        ({"version": "1", "labels": ["A", "B"], "data": [{"tokens": ["Ada", "sat"]}]}, ("Ada", "sat")),
        ({"utt": ["Ada", "sat"], "spans": [{"start": 0, "end": 1, "label": "PER"}]}, ("Ada", "sat")),
        ({"utterance": "Ada sat", "slots": [{"text": "Ada", "slot": "name"}]}, ("Ada", "sat")),
        ([{"document": "Ada sat", "tokens": [{"text": "Ada", "start": 0, "end": 3, "entityLabel": "PER"}]}],
         ("Ada", "sat")),
        ({"full_text": "Ada sat", "masked": "X sat there"}, ("Ada", "sat")),
    ],
)  # fmt: skip
def test_lists_beside_the_words_are_no_words(value: object, found: tuple[str, ...], tmp_path: Path) -> None:
    assert words(tmp_path, json.dumps(value) + "\n", ReadOptions()) == [found]


def test_a_file_of_another_shape_is_not_read_as_in_training(tmp_path: Path) -> None:
    known = ReadOptions("columns", 2, "\t", width=3)
    forms = [first + second for first in "abcde" for second in "klmnop"]
    rows = "".join(f"{word}\t{'NN' if at % 2 else 'VB'}\tO\tO\n" for at, word in enumerate(forms))
    assert words(tmp_path, rows, ReadOptions(trained=known)) == [tuple(forms)]
    rows = "".join(f"{at}\t{word}\tO\n" for at, word in enumerate(forms, start=1))
    assert words(tmp_path, rows, ReadOptions(trained=known)) == [tuple(forms)]


def test_a_header_whose_first_name_is_a_hash(tmp_path: Path) -> None:
    text = "#,sentence_id,token,label\n0,0,Ada,N\n1,0,paints,N\n2,0,.,N\n3,1,Kito,N\n4,1,sells,N\n5,1,.,N\n"
    assert words(tmp_path, text, ReadOptions()) == [("Ada", "paints", "."), ("Kito", "sells", ".")]


@pytest.mark.parametrize(
    "value",
    [
        {"message": "3 records", "data": [{"text": "Ada sat ."}]},
        {"document": "corpus.txt", "sentences": [{"tokens": ["Ada", "sat", "."]}]},
    ],
)
def test_an_object_around_the_records_is_no_record(value: object, tmp_path: Path) -> None:
    assert words(tmp_path, json.dumps(value) + "\n", ReadOptions()) == [("Ada", "sat", ".")]


def test_null_in_a_list_is_kept(tmp_path: Path) -> None:
    (tmp_path / "a").write_text('[null, {"tokens": ["Mika"]}, null]')
    (chunk,) = read_chunks([str(tmp_path / "a")], ReadOptions(append="auto"))
    lines, _ = lines_of(chunk)
    (sentence,) = sentences_of_lines(chunk, lines)
    found = appending.appended(lines, chunk.options, 1, [TaggedInput(sentence, {"t": ["X"]}, {"t": []})], ["t"])
    assert json.loads(found) == [None, {"tokens": ["Mika"], "t": ["X"]}, None]


def test_the_first_rows_decide_for_all_pieces(tmp_path: Path) -> None:
    """A chunk with rows of another width is read as the file's first rows say."""
    many = HEAD_SIZE // 8
    (tmp_path / "a").write_text("Mika\tN\n\n" * many + "10 000\n\n" * 40, encoding="utf-8")
    found = [sentence.tokens for chunk in read_chunks([str(tmp_path / "a")], "conll") for sentence in read_chunk(chunk)]
    assert found == [*[("Mika",)] * many, *[("10 000",)] * 40]


def test_words_are_where_they_were_in_training_if_the_rows_are_as_wide(tmp_path: Path) -> None:
    toml = 'train = "x"\nseparator = "whitespace"\ntoken_column = 2\n[tasks.upos]\ntag_column = 3\n'
    (tmp_path / "tasks.toml").write_text(toml, encoding="utf-8")
    write_json(tmp_path / "environment.json", {"data": str(tmp_path)})
    options = with_training_format(ReadOptions("conll"), str(tmp_path), ["upos"])
    assert words(tmp_path, "7 Mika N\n8 sinks V\n", options) == [("Mika", "sinks")]
    assert words(tmp_path, "Mika N\nsinks V\n", options) == [("Mika", "sinks")]  # not as wide: the tag is no word
    assert words(tmp_path, CONLLU, options) == WORDS
    given = with_training_format(ReadOptions("conll", 1, "whitespace"), str(tmp_path), ["upos"])
    assert words(tmp_path, "7 Mika N\n8 sinks V\n", given) == [("7", "8")]
    toml = 'train = "x"\nformat = "jsonl"\n[tasks.upos]\ntoken_column = "words"\n'
    (tmp_path / "tasks.toml").write_text(toml, encoding="utf-8")
    options = with_training_format(ReadOptions("jsonl"), str(tmp_path), ["upos"])
    assert words(tmp_path, '{"tokens": ["a"], "words": ["Mika"]}\n', options) == [("Mika",)]
    (tmp_path / "tasks.toml").unlink()
    assert with_training_format(ReadOptions("conll"), str(tmp_path), ["upos"]) == ReadOptions("conll")


def test_any_column_of_conllu(tmp_path: Path) -> None:
    assert words(tmp_path, CONLLU, ReadOptions("conllu", 3)) == [("Mika", "do", "not"), ("stone", "sink")]


@pytest.mark.parametrize(
    ("text", "options"),
    [
        ("Mika\tN\ndoes\tV\nn't\tV\n\nStones\tN\nsink\tV\n", ReadOptions("conll")),
        ("Mika N\ndoes V\nn't V\n\nStones N\nsink V\n", ReadOptions("conll")),
        ("N Mika\nV does\nV n't\n\nN Stones\nV sink\n", ReadOptions("conll", -1)),
        ("N,Mika,x\nV,does,x\nV,n't,x\n\nN,Stones,x\nV,sink,x\n", ReadOptions("conll", 2, ",")),
        ("% a\nMika\ndoes\nn't\n\n% b\nStones\nsink\n", ReadOptions("conll", comment="% ")),
        ("Mika does  n't\n\nStones sink\n", ReadOptions("lines")),
        ("Mika###N does###V n't###V\nStones###N sink###V\n", ReadOptions("lines", separator="###")),
        ("N|Mika V|does V|n't\nN|Stones V|sink\n", ReadOptions("lines", 2, "|")),
        ("".join(json.dumps({"tokens": own}) + "\n" for own in WORDS), ReadOptions("jsonl")),
        ("".join(json.dumps({"tokens": own}) + '\n{"tokens": null}\n' for own in WORDS), ReadOptions("jsonl")),
        ("".join(json.dumps({"a": {"words": own}}) + "\n" for own in WORDS), ReadOptions("jsonl", "a.words")),
        (
            '{"text": null}\n' + "".join(json.dumps({"text": " ".join(own)}) + "\n" for own in WORDS),
            ReadOptions("auto"),
        ),
    ],
)
def test_words_are_found_in_any_form_of_row(text: str, options: ReadOptions, tmp_path: Path) -> None:
    assert words(tmp_path, text, options) == WORDS


def test_a_word_may_hold_a_space_where_columns_are_separated_by_tabs(tmp_path: Path) -> None:
    assert words(tmp_path, "10 000\tNUM\nstones\tN\n", ReadOptions("conll")) == [("10 000", "stones")]


PLAIN = ReadOptions("columns", 1, "\t", width=2)  # of a training without a header
HEADED = replace(PLAIN, token_column="word", header=True)


@pytest.mark.parametrize(
    ("text", "options", "expected"),
    [
        ("form\ttag\nMika\tN\nnaps\tV\n.\tP\n", ReadOptions(header=True, trained=PLAIN), [("Mika", "naps", ".")]),
        ("a\t1\nb\t1\nc\t2\n.\t2\n", ReadOptions(sentence_columns=(2,), trained=PLAIN), [("a", "b"), ("c", ".")]),
        ("word\ttag\nMika\tN\n.\tP\n", ReadOptions(trained=HEADED), [("Mika", ".")]),
        ("Mika\tN\nnaps\tV\n.\tP\n", ReadOptions(header=False, trained=HEADED), [("Mika", "naps", ".")]),
        ("tag\tword\nN\tMika\nV\tnaps\nP\t.\n", ReadOptions(trained=PLAIN), [("Mika", "naps", ".")]),
    ],
)
def test_what_is_given_or_seen_comes_before_the_format_of_training(
    text: str, options: ReadOptions, expected: list[tuple[str, ...]], tmp_path: Path
) -> None:
    assert words(tmp_path, text, options) == expected


SENTENCES = replace(PLAIN, sentence_rows=True)
ROWS = "Go\tO\nOslo\tB-LOC\n.\tO\n\n" * 4
CELLS = "go to oslo\tO O B-LOC\nfly to rome\tO O B-LOC\n" * 4
WEBANNO = "#FORMAT=WebAnno TSV 3.3\n\n\n#Text=Go on\n1-1\t0-2\tGo\t\n1-2\t3-5\ton\t\n"


@pytest.mark.parametrize(
    ("text", "trained", "expected"),
    [
        (ROWS, SENTENCES, ("Go", "Oslo", ".")),
        (CELLS, PLAIN, ("go", "to", "oslo")),
        (WEBANNO, PLAIN, ("Go", "on")),
        (WEBANNO, SENTENCES, ("Go", "on")),
        (ROWS.replace("Go", "## id 1\tGo to Oslo .\nGo"), PLAIN, ("Go", "Oslo", ".")),
        (ROWS.replace("Go", " "), PLAIN, (" ", "Oslo", ".")),
        (ROWS.replace("Go", " "), None, (" ", "Oslo", ".")),
    ],
)
def test_a_file_that_is_certain_comes_before_the_format_of_training(
    text: str, trained: ReadOptions | None, expected: tuple[str, ...], tmp_path: Path
) -> None:
    assert words(tmp_path, text, ReadOptions(trained=trained))[0] == expected


def test_words_and_tags_with_a_comma_between_are_no_prose(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"has commas and no blanks, .* --input columns --separator , or --input text"):
        words(tmp_path, "Ask,O\nBo,I-PER\n.,O\n" * 20, ReadOptions())
    assert words(tmp_path, "Ask,O\nBo,I-PER\n.,O\n\n" * 20, ReadOptions())[0] == ("Ask", "Bo", ".")
    assert words(tmp_path, "Ask, he said.\nGo, she said.\n" * 20, ReadOptions())[0] == ("Ask", ",", "he", "said", ".")


@pytest.mark.parametrize("between", ["\t", " "])
def test_a_column_that_counts_is_never_taken_for_words(between: str, tmp_path: Path) -> None:
    text = f"1{between}Mika\n2{between}does\n3{between}paint\n\n1{between}Stones\n2{between}sink\n"
    with pytest.raises(DataError, match=r"column 1 counts the words .* --token-column 2"):
        words(tmp_path, text, ReadOptions("conll"))
    assert words(tmp_path, text, ReadOptions("conll", 2)) == [("Mika", "does", "paint"), ("Stones", "sink")]
    assert words(tmp_path, "1\n2\n3\n", ReadOptions("conll")) == [("1", "2", "3")]  # of one column: these are the words


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        ("a\tb\n", ReadOptions("conll", 3), r"input:1: has 2 columns, but the word is in column 3"),
        ("1\ta\n", ReadOptions("conllu"), r"input:1: has 2 columns, but CoNLL-U has 10"),
        ('{"a": 1, "b": "c"}\n', ReadOptions("jsonl"), r"input: no key is known .*--token-column: a, b"),
        ('{"a": 1}\n', ReadOptions("jsonl", "a"), r"input:1: 'a' is neither a list of words nor a text"),
        ('{"a": 1}\n', ReadOptions("jsonl", "b"), r"input:1: has no 'b'.*set --token-column to one of a"),
        ("no\n", ReadOptions("jsonl"), r"input:1: is not JSON"),
    ],
)
def test_rows_that_do_not_fit_are_named(text: str, options: ReadOptions, message: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=message):
        words(tmp_path, text, options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (ReadOptions("xml"), "--input xml: choose one of auto, text, columns"),
        (ReadOptions("conlu"), r"huggingface \(did you mean 'conllu'\?\)"),
        (ReadOptions("text", "2"), "raw text has no columns"),
        (ReadOptions("conll", "word", header=False), "must be a number where no header names the columns"),
        (ReadOptions("conll2012", "word"), "must be a number"),
        (ReadOptions("csv", separator="ab"), "--separator ab: must be one character"),
        (ReadOptions(encoding="base64"), "--encoding base64: is not a text encoding"),
        (ReadOptions("conll", "0"), "columns count from 1"),
    ],
)
def test_options_that_do_not_go_together_are_refused(options: ReadOptions, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        check_options(options)


def appended(tagger: Tagger, text: str, options: ReadOptions) -> str:
    """The output of --append for a text."""
    return tagged(tagger, text.encode(), options).decode()


def tagged(
    tagger: Tagger,
    content: bytes,
    options: ReadOptions,
    tasks: tuple[str, ...] = ("upos", "mwe"),
    size: int = CHUNK_SIZE,
) -> bytes:
    """The output of --append for a file with this content."""
    with TemporaryDirectory() as folder:
        path = Path(folder, "input")
        path.write_bytes(content)
        options = options if options.append else replace(options, append="auto")
        job = TaggingJob("en", "cpu", None, tasks, options, "conll")
        found = []
        for chunk in read_chunks([str(path)], options, size):
            done = tag_chunk(tagger, job, chunk)
            if done.error is not None:
                raise done.error
            found.append(done.data)
        return b"".join(found)


def test_append_keeps_every_line_and_adds_keys_to_misc(tagger: Tagger) -> None:
    before, after = CONLLU.split("\n"), appended(tagger, CONLLU, ReadOptions("conllu")).split("\n")
    found = tagger.tag(WORDS, ["upos", "mwe"])
    tags = [pair for sentence in found for pair in zip(sentence.tags["upos"], sentence.tags["mwe"], strict=True)]
    assert len(after) == len(before)
    for old, new in zip(before, after, strict=True):
        if not old.partition("\t")[0].isdigit():
            assert new == old
            continue
        upos, mwe = tags.pop(0)
        assert new.split("\t")[:9] == old.split("\t")[:9]
        kept = "SpaceAfter=No|" if "SpaceAfter" in old else ""
        assert new.split("\t")[9] == f"{kept}upos={upos}|mwe={mwe}"
    assert not tags


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("between", ["\t", " "])
def test_append_adds_columns(between: str, end: str, tagger: Tagger) -> None:
    rows = ["# a", f"Mika{between}x{between}1", f"does{between}y{between}2", f"n't{between}z{between}3", "", ""]
    lines = appended(tagger, end.join(rows), ReadOptions("conll")).split(end)
    (found,) = tagger.tag([WORDS[0]], ["upos", "mwe"])
    more = zip(found.tags["upos"], found.tags["mwe"], strict=True)
    assert lines == [rows[0], *(between.join([row, *own]) for row, own in zip(rows[1:4], more, strict=True)), "", ""]


def test_append_in_the_shell(tmp_path: Path, capsys: pytest.CaptureFixture[str], tagger: Tagger) -> None:
    (tmp_path / "a.conllu").write_text(CONLLU, encoding="utf-8")
    args = ["tag", "en", str(tmp_path / "a.conllu"), "--input", "conll", "--tasks", "upos,mwe", "--append"]
    app(args, exit_on_error=False, print_error=False)
    assert capsys.readouterr().out == appended(tagger, CONLLU, ReadOptions("conllu"))
    with pytest.raises(ConfigError, match="--append: repeats the input"):
        app([*args, "--output", "json"], exit_on_error=False, print_error=False)


def test_json_says_where_words_and_spans_are(tmp_path: Path, tagger: Tagger) -> None:
    text = "\ufeffMika gave up.\r\n\r\nThe fog \u2013 gr\u00fc\u00df \U0001f600 \u2013 lifts. She went on.\n" * 9
    (tmp_path / "a.txt").write_text(text, encoding="utf-8", newline="")
    content = text.removeprefix("\ufeff")
    job = TaggingJob("en", "cpu", None, ("upos", "mwe"), ReadOptions("text"), "json")
    chunks = list(read_chunks([str(tmp_path / "a.txt")], "text", 100))
    assert len(chunks) > 3
    for chunk in chunks:
        for record in map(json.loads, tag_chunk(tagger, job, chunk).text.splitlines()):
            assert [content[start:end] for start, end in record["offsets"]] == record["tokens"]
            (found,) = tagger.tag([record["tokens"]], ["upos", "mwe"])
            assert record["tags"] == {task: list(tags) for task, tags in found.tags.items()}
            spans = {task: tagger.spans(found, task) for task in ("upos", "mwe") if tagger.schemes[task] != "plain"}
            expected = {
                task: [{"start": each.start, "end": each.end, "label": each.label} for each in own]
                for task, own in spans.items()
            }
            assert record["spans"] == expected
    assert sum(len(list(read_chunk(chunk))) for chunk in chunks) >= 27


@pytest.mark.parametrize("name", ["sentence", "document", "text", "tweet"])
@pytest.mark.parametrize("separator", [",", "\t"])
def test_a_column_of_words_is_preferred_to_one_of_texts(tmp_path: Path, name: str, separator: str) -> None:
    rows = [
        (name, "sent_id", "token", "tag"),
        ("d0", "0", "Mika", "X"),
        ("d0", "0", "sings", "X"),
        ("d0", "1", "Hi", "X"),
    ]
    text = "".join(separator.join(row) + "\n" for row in rows)
    assert words(tmp_path, text, ReadOptions("auto"))[0][:2] == ("Mika", "sings")


def test_pairs_of_numbers_are_not_words(tmp_path: Path) -> None:
    text = "1-1\tMika\tO\n1-2\tsings\tO\n\n2-1\tStones\tO\n2-2\tsink\tO\n2-3\t.\tO\n\n"
    assert words(tmp_path, text, ReadOptions("auto")) == [("Mika", "sings"), ("Stones", "sink", ".")]
    with pytest.raises(DataError, match="column 1 counts the words"):
        words(tmp_path, text.replace(".\tO", "x\tO"), ReadOptions("columns"))


@pytest.mark.parametrize(
    "text",
    [
        "1\tDo\t_\tAUX\t_\t_\t0\troot\t_\t_\n2\tgo\tgo\tVERB\t_\t_\t1\tx\t_\n",  # the last column is missing
        "1\tDo\t_\tAUX\t_\t_\t0\troot\t_\t_\n\n1\tA\n",  # cut off
        "Mika\tNNP\nsings\tVBZ\n\nLind\tNNP\tx\nsleeps\n",
        "Mika\tB\tMika\tx\nsings\nLind\nsleeps\nhere\n.\n",  # few words have tags
    ],
)
def test_a_broken_table_with_tabs_is_not_prose(tmp_path: Path, text: str) -> None:
    with pytest.raises(DataError, match="or say --input text"):
        words(tmp_path, text, ReadOptions("auto"))


def test_a_row_that_is_short_does_not_hide_that_a_column_has_numbers(tmp_path: Path) -> None:
    rows = "".join(f"{number},{word},X\n" for number in range(4) for word in ("Mika", "sings"))
    found = words(tmp_path, f"id,name,pos\n{rows}4,Lind\n".replace("name", "word"), ReadOptions("auto"))
    assert found[0][:2] == ("Mika", "sings")
    with pytest.raises(DataError, match="only numbers"):
        words(tmp_path, f"sentence,name,pos\n{rows}4,Lind\n", ReadOptions("auto"))


def test_a_tagger_of_parallel_files_reads_a_sentence_a_line(tmp_path: Path) -> None:
    trained = ReadOptions("parallel")
    text = "Mika can't sink .\nStones sink , U.S.A.!\n"
    sentences = [tuple(line.split()) for line in text.splitlines()]
    assert words(tmp_path, text, ReadOptions(trained=trained)) == sentences
    assert words(tmp_path, text, ReadOptions("text", trained=trained)) != sentences


def test_halves_of_a_character_make_one_or_are_an_error(tmp_path: Path) -> None:
    half = json.dumps("😀")[1:7]
    whole = json.dumps(["Mika", "😀"]).replace('"', '""')
    table = f'tokens,tags\n"{whole}","[""N"", ""X""]"\n'
    assert words(tmp_path, table, ReadOptions()) == [("Mika", "😀")]
    with pytest.raises(DataError, match=r"input:1: .*half a character; correct it"):
        words(tmp_path, f'{{"text": "Mika {half} sinks."}}\n', ReadOptions())
    with pytest.raises(DataError, match=r"input:1: .*half a character\); correct it"):
        words_in(f'["Mika", "{half}"]', "input:1")


def test_old_line_ends_inside_a_row_are_no_csv(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="input: has "):
        words(tmp_path, "Mika\tB-PER\rsinks\tO\r,\tO\r\nUna\tB-PER\rsails\tO\r\r", ReadOptions("auto"))


def test_an_empty_name_of_a_column_is_refused() -> None:
    for options in (ReadOptions(token_column=""), ReadOptions(sentence_columns=("a", ""))):
        with pytest.raises(ConfigError, match="is empty; name a column, or leave the option out"):
            check_options(options)


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        ('{"tokens":["a"],"t":"o","x":1e400,"y":1.10}', '{"tokens":["a"],"t":["X"],"x":1e400,"y":1.10}'),
        ('  { "t" : [ ] , "tokens" : ["a"] }  ', '  { "t" : ["X"] , "tokens" : ["a"] }  '),
        ('{"tokens":["a"],"d":{"t":1}}', '{"tokens":["a"],"d":{"t":1}, "t": ["X"]}'),
        ('["{ a", {"t": 3}]', '["{ a", {"t": [[0, 1, "X"], [2, 3, "X"]]}]'),
    ],
)
def test_only_the_value_of_a_key_that_is_there_changes(record: str, expected: str, tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text(record + "\n", encoding="utf-8")
    (chunk,) = read_chunks([str(tmp_path / "a.jsonl")], ReadOptions(append="auto"))
    lines, _ = lines_of(chunk)
    found = []
    for sentence in sentences_of_lines(chunk, lines):
        spans = [Span(at, at + 1, "X") for at, _ in enumerate(sentence.tokens)]
        found.append(TaggedInput(sentence, {"t": ["X"] * len(spans)}, {"t": spans}))
    assert appending.appended(lines, chunk.options, chunk.line, found, ["t"]) == expected + "\n"


def test_names_of_files_cannot_change_what_a_terminal_shows(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    name = tmp_path / "a\nb\x1b[31m"
    name.write_text("Mika\tN\nsinks\n")
    with pytest.raises(DataError, match=r"a\\nb\\x1b\[31m:2: has 1 column") as caught:
        list(read_input([str(name)], ReadOptions("columns", 2)))
    with pytest.raises(SystemExit):
        end(1, f"{caught.value} \x1b[0m")
    said = capfd.readouterr().err
    assert "\x1b" not in said
    assert said.count("\n") == 1
