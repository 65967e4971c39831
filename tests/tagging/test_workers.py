"""tagmates.tagging.workers and resumable: the output is the same with any workers, kills and restarts."""

import errno
import json
import multiprocessing
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from command_line import Outcome, ended, tagmates
from helpers import make_corpora, make_run
from rich.console import Console

from tagmates import Tagger, processes
from tagmates.apps import tag_progress
from tagmates.apps.tag_progress import show_tagging
from tagmates.data.corpora import read_file
from tagmates.data.formats.columns import read_columns
from tagmates.data.schemes import tags_of
from tagmates.data.task import Task
from tagmates.errors import TagmatesError
from tagmates.tagging import resumable
from tagmates.tagging.chunks import Chunk, read_chunks
from tagmates.tagging.identity import identity
from tagmates.tagging.read_options import ReadOptions
from tagmates.tagging.tagged_chunks import TaggedChunk, TaggingJob, tag_chunk
from tagmates.tagging.workers import tag_in_workers

TASKS = {"pos": ["N", "V", "A"], "ner": ["O", "B-X", "I-X"]}
SIZE = 200  # bytes of a chunk in these tests
TEXT = "".join(f"Otters juggle {i} stones in the fog. Nobody sails to Port Ness!\n\n" for i in range(40))


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tagger's folder; never to be written to."""
    folder = tmp_path_factory.mktemp("models") / "model"
    make_run(make_corpora(1, TASKS), "multi_dec").tagger.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models") / "other"
    make_run(make_corpora(1, TASKS), "multi_dec", seed=2).tagger.save_pretrained(folder)
    return folder


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with a long text, and chunks that are short."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(read_chunks, "__defaults__", (SIZE,))
    (tmp_path / "big.txt").write_text(TEXT)
    return tmp_path


@pytest.fixture
def whole(model: Path) -> str:
    """The expected output."""
    return tag(model).out


def tag(model: Path, *more: object, file: object = "big.txt", stdin: bytes = b"") -> Outcome:
    """Tag in this process."""
    outcome = tagmates("tag", model, file, *more, stdin=stdin)
    assert "Traceback" not in outcome.err
    return outcome


def to_file(model: Path, *more: object, file: object = "big.txt") -> Outcome:
    return tag(model, "--output-file", "out", *more, file=file)


def assert_whole(whole: str) -> None:
    """The output is all there, and nothing else is left."""
    assert Path("out").read_text() == whole
    assert sorted(path.name for path in Path().glob("*out*")) == ["out"]
    assert not list(Path().glob(".out*"))


# --- one process -----------------------------------------------------------------------------------------------------


def test_a_file_that_is_written_is_what_stdout_gets(model: Path, whole: str) -> None:
    outcome = to_file(model)
    assert (outcome.code, outcome.out) == (0, "")
    assert re.fullmatch(r"wrote out: 80 sentences, 560 tokens\n", outcome.err)
    assert_whole(whole)
    assert whole.count("# token") == 1


def test_pieces_give_what_one_piece_gives(model: Path, whole: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(read_chunks, "__defaults__", (len(TEXT),))
    assert tag(model).out == whole
    tagged = Tagger.from_pretrained(model).tag(TEXT)
    found = read_columns_of(whole)
    assert found == [(sentence.tokens, sentence.tags["pos"]) for sentence in tagged]


def read_columns_of(text: str) -> list[tuple[Any, Any]]:
    Path("read").write_text(text)
    return [(s.tokens, s.tags) for s in read_columns(Path("read"), separator="\t", tag_column=2, comment="# ")]


def test_columns_go_in_as_well(model: Path, whole: str) -> None:
    Path("words").write_text(whole)
    assert to_file(model, "--input", "conll", file="words").code == 0
    assert_whole(whole)


def test_probabilities_are_a_column_or_a_key(model: Path) -> None:
    sentences = Tagger.from_pretrained(model).tag(TEXT, probabilities=True)
    rows = tag(model, "--probabilities").out.splitlines()
    assert rows[0] == "# token\tpos\tner\tP(pos)\tP(ner)"
    cells = [row.split("\t") for row in rows[1:] if row]
    records = [json.loads(row) for row in tag(model, "--probabilities", "--output", "json").out.splitlines()]
    for i, name in enumerate(("pos", "ner")):
        expected = [p for sentence in sentences for p in (sentence.probabilities or {})[name]]
        assert [float(row[3 + i]) for row in cells] == pytest.approx(expected, abs=6e-5)
        assert [p for record in records for p in record["probabilities"][name]] == pytest.approx(expected, abs=6e-5)
    assert "probabilities" not in tag(model, "--output", "json").out


@pytest.mark.parametrize(
    ("args", "pattern"),
    [
        (["--resume"], "--resume: needs --output-file"),
        (["--force"], "--force: needs --output-file"),
        (["--output-file", "out", "--resume", "--force"], "--resume and --force: choose one"),
        (["--output-file", "out", "--output", "table"], "--output table: is for reading"),
        (["--output", "table", "--workers", "2"], "--output table: is for reading"),
        (["--workers", "0"], "--workers 0: must be 1 or more"),
        (["--workers", "2", "--threads", "2"], "--threads 2: each of several --workers has one thread"),
        (["--output-file", "big.txt", "--force"], "--output-file big.txt: would overwrite big.txt, which is input"),
        (["--output-file", "."], "is not a regular file"),
        (["--output-file", "nowhere/out"], "nowhere/out: its folder is missing"),
        (["--output-file", "old"], "old: exists; continue with --resume, overwrite it with --force, or choose another"),
    ],
)
def test_options_that_cannot_work_are_refused_in_one_line(model: Path, args: list[str], pattern: str) -> None:
    Path("old").write_text("mine")
    outcome = tag(model, *args)
    assert (outcome.code, outcome.out, outcome.err.count("\n")) == (2, "", 1)
    assert pattern in outcome.err
    assert Path("old").read_text() == "mine"
    assert Path("big.txt").read_text() == TEXT
    assert not Path("out").exists()


def test_an_old_file_is_overwritten_or_left_alone(model: Path, whole: str) -> None:
    Path("out").write_text("mine")
    outcome = to_file(model, "--resume")
    assert (outcome.code, outcome.err) == (0, "out: is complete; nothing to resume\n")
    assert Path("out").read_text() == "mine"
    assert to_file(model, "--force").code == 0
    assert_whole(whole)


def test_an_old_file_stays_until_there_is_a_new_one(model: Path, whole: str) -> None:
    Path("out").write_text("mine")
    Path("blank").write_bytes(b"\n \n" * 100)
    for missing in ("nowhere", "blank"):
        assert to_file(model, "--force", file=missing).code == 1
        assert Path("out").read_text() == "mine"
        assert not Path("out.progress").exists()
    Path("out.progress").write_text("Mika left .")  # a text of the user's
    outcome = to_file(model, "--force", file="out.progress")
    assert outcome.code == 2 and "would overwrite out.progress, which is input" in outcome.err
    assert Path("out.progress").read_text() == "Mika left ."


@pytest.mark.parametrize("content", [b"", b"\n" * 1000])
def test_nothing_to_tag_leaves_nothing(model: Path, content: bytes) -> None:
    Path("none").write_bytes(content)
    outcome = to_file(model, file="none")
    assert (outcome.code, outcome.err.count("\n")) == (1, 1)
    assert "none: holds no word to tag" in outcome.err
    assert not list(Path().glob("*out*"))


def test_what_stands_before_an_error_is_kept_and_gone_on_with_once_it_is_repaired(model: Path, whole: str) -> None:
    content = TEXT.encode()
    middle = content.index(b"\n\n", 1500) + 2
    Path("big.txt").write_bytes(content[:middle] + b"\xf8\n\n" + content[middle:])
    bad = rf"big\.txt:{content[:middle].count(10) + 1}: is not UTF-8 \(byte 1\)"
    stdout = tag(model)
    assert re.search(bad, stdout.err)
    outcome = to_file(model)
    assert (outcome.code, outcome.out, outcome.err.count("\n")) == (1, "", 1)
    assert re.search(
        rf"{bad}; convert it first, or name its --encoding, as latin-1; then --resume continues out", outcome.err
    )
    assert Path("out").read_text() == stdout.out
    assert whole.startswith(stdout.out)
    assert stdout.out.count("\n\n") == 2 * content[:middle].count(b"\n\n")
    Path("big.txt").write_bytes(content)
    assert to_file(model, "--resume").code == 0
    assert_whole(whole)


def test_a_word_that_columns_cannot_hold_is_found_again(model: Path) -> None:
    Path("odd.txt").write_text(TEXT + "Gulls sleep.\n\n-DOCSTART- Gulls\n")
    outcome = tag(model, file="odd.txt")
    assert outcome.code == 1
    line = TEXT.count("\n") + 3
    assert re.search(rf"odd\.txt:{line}: sentence \d+, row 1: .*could not be read back", outcome.err)
    Path("plain.txt").write_text(TEXT + "Gulls sleep.")
    assert outcome.out == tag(model, file="plain.txt").out
    assert tag(model, "--output", "json", file="odd.txt").code == 0


def test_progress_is_a_line_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    results = [TaggedChunk(Chunk("x", data=b"x" * 10_000), "", 1, 50) for _ in range(3)]
    said = StringIO()
    assert list(show_tagging(results, Console(file=said), 40_000, 10_000)) == results
    assert said.getvalue() == ""
    monkeypatch.setattr(tag_progress, "LINE_INTERVAL", 0)
    list(show_tagging(results, Console(file=said), 40_000, 10_000))
    pattern = r"20\.0 kB of 40\.0 kB, [\d,]+ tokens/s, 0 s left\n"
    assert re.match(pattern, said.getvalue())
    assert said.getvalue().count("\n") == 3
    said = StringIO()
    list(show_tagging(results, Console(file=said, force_terminal=True, width=100), None))
    assert "tokens/s" in said.getvalue()


# --- going on --------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_wherever_it_is_killed_it_goes_on_to_the_same_bytes(
    model: Path, whole: str, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Every moment at which a kill would matter, by what is on the disk then."""
    root = tmp_path_factory.mktemp("copies")
    moments: list[Path] = []

    def copying(function: Callable[..., Any]) -> Callable[..., Any]:
        def copied(*args: Any, **more: Any) -> Any:
            result = function(*args, **more)
            moments.append(root / str(len(moments)))
            moments[-1].mkdir()
            for path in Path().glob("out*"):
                shutil.copy(path, moments[-1])
            return result

        return copied

    with monkeypatch.context() as patch:
        patch.setattr(resumable, "write_json", copying(resumable.write_json))
        patch.setattr(resumable.Output, "write", copying(resumable.Output.write))
        assert to_file(model).code == 0
    assert len(moments) > 20
    for number, moment in enumerate(moments[::2]):
        Path("out").unlink(missing_ok=True)
        shutil.copytree(moment, ".", dirs_exist_ok=True)
        if number % 2 and Path("out").exists():
            with Path("out").open("ab") as file:
                file.write(b"\0half of a senten")  # what was being written
        assert to_file(model, "--resume").code == 0, number
        assert_whole(whole)


def interrupted(model: Path, after: int, *more: object, file: object = "big.txt", stdin: bytes = b"") -> Outcome:
    """Tag until so many chunks are done; then there is Ctrl-C."""
    done = resumable.Output.done

    def stopping(output: resumable.Output, chunk: Chunk, **counts: int) -> None:
        done(output, chunk, **counts)
        if output.progress.chunks == after:
            raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(resumable.Output, "done", stopping)
        return tag(model, *more, "--output-file", "out", file=file, stdin=stdin)


def test_ctrl_c_says_how_to_go_on(model: Path, whole: str) -> None:
    outcome = interrupted(model, 3)
    assert (outcome.code, outcome.out) == (130, "")
    assert outcome.err == "tagmates: interrupted; the same command with --resume (not --force) continues out\n"
    assert json.loads(Path("out.progress").read_text())["pieces"] == 3
    assert whole.startswith(Path("out").read_text())
    assert interrupted(model, 5, "--resume").code == 130
    assert to_file(model, "--resume").code == 0
    assert_whole(whole)


def test_rows_that_are_repeated_are_gone_on_with(model: Path) -> None:
    rows = [f'"Gulls",{number}\r\nsleep,{number}\r\n' for number in range(100)]
    Path("big.csv").write_text("token,n\r\n" + "\r\n".join(rows), newline="")
    assert tag(model, "--append", "--output-file", "out", file="big.csv").code == 0
    expected = Path("out").read_bytes()
    assert expected.startswith(b'token,n,pos,ner\r\n"Gulls",0,') and expected.count(b"\r\n") == 300
    Path("out").unlink()
    for after in (3, 6):
        more = ["--resume"] if after > 3 else []
        assert interrupted(model, after, "--append", *more, file="big.csv").code == 130
    outcome = tag(model, "--output-file", "out", "--resume", file="big.csv")
    assert (outcome.code, "was begun with another --append" in outcome.err) == (2, True)
    assert tag(model, "--append", "--output-file", "out", "--resume", file="big.csv").code == 0
    assert Path("out").read_bytes() == expected


def documents() -> dict[str, str]:
    """Files to which ``--append`` adds keys or layers, by name."""
    sentences = [f"Otters juggle {i} stones in Port Ness .".split() for i in range(40)]
    rows = "".join(
        "".join(
            f"{n}-{at}\t{100 * n + 9 * at}-{100 * n + 9 * at + 7}\t{word}\tA[{n}]\t\n" for at, word in enumerate(own, 1)
        )
        + "\n"
        for n, own in enumerate(sentences, 1)
    )
    records = [{"id": number, "tokens": own} for number, own in enumerate(sentences)]
    return {
        "big.json": json.dumps(records),
        "big.tsv": f"#FORMAT=WebAnno TSV 3.3\n#T_SP=webanno.custom.A|value\n\n\n{rows}",
    }


@pytest.mark.slow
@pytest.mark.parametrize("name", ["big.json", "big.tsv"])
def test_documents_that_are_repeated_are_gone_on_with_and_read_again(model: Path, name: str) -> None:
    Path(name).write_text(documents()[name])
    assert tag(model, "--append", "--output-file", "out", file=name).code == 0
    expected = Path("out").read_bytes()
    tagger = Tagger.from_pretrained(model)
    tagged = tagger.tag([own["tokens"] for own in json.loads(documents()["big.json"])])
    for task, scheme in (("pos", "plain"), ("ner", "iob2")):
        keys: dict[str, Any] = {"format": "json"} if name == "big.json" else {"format": "webanno", "scheme": scheme}
        read = read_file(Task(name="x", tag_column=task, folder=Path(), **keys), Path("out"))
        assert [own.tokens for own in read] == [sentence.tokens for sentence in tagged]
        for own, sentence in zip(read, tagged, strict=True):
            if keys["format"] == "webanno" and scheme == "iob2":  # I without a B before it begins a span as well
                assert own.tags == tags_of(tagger.spans(sentence, task), len(own.tokens), "iob2")
            else:
                assert own.tags == sentence.tags[task]
    Path("out").unlink()
    for after in (3, 6):
        more = ["--resume"] if after > 3 else []
        assert interrupted(model, after, "--append", *more, file=name).code == 130
    assert killed(model, 3, "--append", "--resume", file=name).code == -signal.SIGKILL
    assert tag(model, "--append", "--output-file", "out", "--resume", file=name).code == 0
    assert_whole(expected.decode())


@pytest.mark.slow
@pytest.mark.parametrize("name", list(documents()))
@pytest.mark.parametrize("moment", [1, 3, 5, 23])
def test_documents_that_are_repeated_are_killed_at_any_moment(model: Path, name: str, moment: int) -> None:
    Path(name).write_text(documents()[name])
    assert tag(model, "--append", "--output-file", "out", file=name).code == 0
    expected = Path("out").read_text()
    Path("out").unlink()
    for again, number in ((moment, 1 + moment % 2), (moment + 4, 1)):
        more = ["--resume"] if again > moment else []
        assert killed(model, again, "--append", "--workers", number, *more, file=name).code in (0, -signal.SIGKILL)
    assert tag(model, "--append", "--output-file", "out", "--resume", "--workers", 2, file=name).code == 0
    assert_whole(expected)


def test_several_files_and_stdin_are_gone_on_with(model: Path, whole: str) -> None:
    Path("more.txt").write_text("Gulls sleep .")
    files = ("big.txt", "-", "more.txt")
    expected = tag(model, *files[1:], stdin=TEXT.encode()).out
    assert expected.startswith(whole)
    for after in (3, 20):  # before it is stdin's turn and after
        assert interrupted(model, after, *files[1:], stdin=TEXT.encode()).code == 130
        outcome = tag(model, *files[1:], "--output-file", "out", "--resume", stdin=b"Otters" + TEXT.encode())
        assert (outcome.code == 2) == (after == 20), outcome.err
        assert tag(model, *files[1:], "--output-file", "out", "--resume", stdin=TEXT.encode()).code == 0
        if after == 20:
            assert_whole(expected)
        Path("out").unlink()


@pytest.mark.parametrize(
    ("args", "pattern"),
    [
        (["--tasks", "ner"], "out: was begun with another --tasks; take the same, or start again with --force"),
        (["--output", "json"], "another --output"),
        (["--input", "conll"], "another --input"),
        (["--probabilities"], "another --probabilities"),
    ],
)
def test_going_on_otherwise_is_refused(model: Path, whole: str, args: list[str], pattern: str) -> None:
    interrupted(model, 3)
    before = Path("out").read_bytes()
    outcome = to_file(model, "--resume", *args)
    assert (outcome.code, outcome.err.count("\n")) == (2, 1)
    assert pattern in outcome.err
    assert Path("out").read_bytes() == before
    assert to_file(model, "--resume").code == 0
    assert_whole(whole)


def test_going_on_with_another_model_or_text_is_refused(model: Path, other: Path, whole: str) -> None:
    interrupted(model, 3)
    assert "out: was begun with another model" in to_file(other, "--resume").err
    assert identity(Tagger.from_pretrained(model)) != identity(Tagger.from_pretrained(other))
    for text in (TEXT.replace("stones", "stoneS", 1), TEXT[:150], ""):
        Path("other.txt").write_text(text)
        outcome = to_file(model, "--resume", file="other.txt")
        assert (outcome.code, outcome.err.count("\n")) == (2, 1)
        assert "out: was begun with other input, or in another order" in outcome.err
    shutil.copytree(model, "copy")
    Path("big.txt").rename("renamed.txt")  # neither where things lie nor what is still to come matters
    Path("renamed.txt").write_text(TEXT + "Gulls sleep .\n")
    assert to_file(Path("copy"), "--resume", file="renamed.txt").code == 0
    assert_whole(tag(model, file="renamed.txt").out)


@pytest.mark.parametrize("content", [b"", b"{}", b"[1]", b"\xff", b'{"settings": {}, "pieces": -1}', None])
def test_a_record_or_output_that_is_spoilt_is_refused(model: Path, content: bytes | None) -> None:
    interrupted(model, 3)
    if content is None:
        Path("out").write_bytes(Path("out").read_bytes()[:-1])
    else:
        Path("out.progress").write_bytes(content)
    outcome = to_file(model, "--resume")
    assert (outcome.code, outcome.err.count("\n")) == (2, 1)
    assert "start again with --force" in outcome.err
    assert to_file(model, "--force").code == 0


def test_two_never_write_one_file(model: Path, whole: str, monkeypatch: pytest.MonkeyPatch) -> None:
    done, seen = resumable.Output.done, []

    def meanwhile(output: resumable.Output, chunk: Chunk, **counts: int) -> None:
        done(output, chunk, **counts)
        if output.progress.chunks == 2:
            seen.append(to_file(model, "--resume"))

    monkeypatch.setattr(resumable.Output, "done", meanwhile)
    assert to_file(model).code == 0
    assert "out: another process is writing it" in seen[0].err
    assert [outcome.code for outcome in seen] == [2]
    assert_whole(whole)


# --- workers ---------------------------------------------------------------------------------------------------------


def job_of(model: Path) -> TaggingJob:
    return TaggingJob(str(model), "cpu", None, ("pos", "ner"), ReadOptions("text"), "conll")


@pytest.mark.slow
def test_two_workers_give_what_one_gives_though_they_are_killed(model: Path, caplog: pytest.LogCaptureFixture) -> None:
    taken = 0

    def counted() -> Iterator[Chunk]:
        nonlocal taken
        for chunk in read_chunks(["big.txt"], "text"):
            taken += 1
            yield chunk

    tagger, job = Tagger.from_pretrained(model), job_of(model)
    expected = [tag_chunk(tagger, job, chunk) for chunk in read_chunks(["big.txt"], "text")]
    found = []
    with closing(tag_in_workers(job, counted(), 2)) as results:
        for result in results:
            found.append(result)
            assert taken <= len(found) + 4 - 1  # two chunks a worker are under way, this one among them
            if len(found) == 2:
                for victim in multiprocessing.active_children():
                    victim.kill()
    assert found == expected
    assert caplog.messages == ["a worker died; the chunks in progress are tagged again"]
    assert not multiprocessing.active_children()


@pytest.mark.slow
def test_workers_that_always_die_end_it_in_one_line(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "begin_worker", os._exit)
    with pytest.raises(TagmatesError, match=r"big\.txt:1: workers died 3 times from here on .*take fewer --workers"):
        list(tag_in_workers(job_of(model), read_chunks(["big.txt"], "text"), 1))


DRIVER = """
import os, signal, sys
from tagmates.apps import cli
from tagmates.tagging import resumable
from tagmates.tagging.chunks import read_chunks
read_chunks.__defaults__ = ({size},)
def killing(function):
    def killed(*args, **more):
        global left
        left -= 1
        if not left:
            os.kill(0 if {signal} == signal.SIGINT else os.getpid(), {signal})
        return function(*args, **more)
    return killed
left = {moment}
resumable.write_json, resumable.os.fsync = killing(resumable.write_json), killing(os.fsync)
resumable.Output.write = killing(resumable.Output.write)
if __name__ == "__main__":
    cli.main()
"""


def killed(model: Path, moment: int, *more: object, signal: int = signal.SIGKILL, file: object = "big.txt") -> Outcome:
    """Run the command in a process group of its own, and send it (with Ctrl-C, all of it) a signal at one moment."""
    Path("driver.py").write_text(DRIVER.format(size=SIZE, moment=moment, signal=int(signal)))
    command = [sys.executable, "-W", "error", "driver.py", "tag", model, file, "--output-file", "out", *more]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    # the pipes end when the last worker is gone
    return ended(subprocess.Popen(list(map(str, command)), env=environment, start_new_session=True, **pipes))


def test_killed_and_gone_on_with(model: Path, whole: str) -> None:
    outcome = killed(model, 17)
    assert (outcome.code, outcome.err) == (-signal.SIGKILL, "")
    assert 0 < json.loads(Path("out.progress").read_text())["pieces"] < 12
    assert to_file(model, "--resume").code == 0
    assert_whole(whole)


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("moment", [1, 2, 3, 4, 5, 20, 30, 39, 40])
def test_killed_at_any_moment_and_gone_on_with(model: Path, whole: str, moment: int, workers: int) -> None:
    assert killed(model, moment, "--workers", workers).code == -signal.SIGKILL
    assert killed(model, moment + 3, "--workers", workers, "--resume").code in (0, -signal.SIGKILL)
    assert killed(model, 0, "--workers", 3 - workers, "--resume").code == 0
    assert_whole(whole)


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("moment", [2, 3, 17])
def test_ctrl_c_at_the_terminal_is_one_line(model: Path, whole: str, moment: int, workers: int) -> None:
    outcome = killed(model, moment, "--workers", workers, signal=signal.SIGINT)
    assert (outcome.code, outcome.out) == (130, "")
    assert outcome.err == "tagmates: interrupted; the same command with --resume (not --force) continues out\n"
    assert to_file(model, "--resume").code == 0
    assert_whole(whole)


@pytest.mark.slow
def test_a_reader_that_leaves_early_ends_the_workers_quietly(model: Path) -> None:
    Path("big.txt").write_text(TEXT * 500)
    command = [sys.executable, "-m", "tagmates.apps.cli", "tag", str(model), "big.txt", "--workers", "2"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout
        assert process.stderr
        assert process.stdout.readline() == b"# token\tpos\tner\n"
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 1


# --- disks -----------------------------------------------------------------------------------------------------------


def test_a_full_disk_is_one_line_and_nothing_is_lost(model: Path, whole: str, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = 0

    def full(file: int) -> None:
        nonlocal calls
        calls += 1
        if calls == 6:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(resumable.os, "fsync", full)
        outcome = to_file(model)
    assert (outcome.code, outcome.out, outcome.err.count("\n")) == (1, "", 1)
    assert re.search(r"cannot be written \(No space left on device\).*then --resume continues out", outcome.err)
    assert to_file(model, "--resume").code == 0
    assert_whole(whole)


@pytest.mark.slow
@pytest.mark.parametrize("size", range(4, 40, 4))
def test_a_disk_of_any_size_loses_nothing(model: Path, whole: str, here: Path, size: int) -> None:
    place = here / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size}k", "tmpfs", str(place)]
    if shutil.which("mount") is None or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("no right to mount a tmpfs here")
    try:
        output = ("--output-file", place / "out")
        outcome = tag(model, *output)
        if outcome.code:
            assert (outcome.code, outcome.err.count("\n")) == (1, 1)
            assert "No space left on device" in outcome.err
            subprocess.run(["mount", "-o", "remount,size=20m", str(place)], check=True)
            assert tag(model, *output, "--resume").code == 0
        assert (place / "out").read_text() == whole
        assert [path.name for path in place.iterdir()] == ["out"]
    finally:
        subprocess.run(["umount", str(place)], check=True)
