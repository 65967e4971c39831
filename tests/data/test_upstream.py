"""tagmates.data.upstream: the paper's tasks from published files, in both modes, compared with Table 1."""

import errno
import json
import os
import re
import shutil
import threading
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from command_line import tagmates
from real_data import DATA, PAPER, UPSTREAM, needs_real_data

from tagmates.data.corpora import load_corpora
from tagmates.data.sentence import Sentence
from tagmates.data.task import SPLITS
from tagmates.data.tasks import PAPER_SCHEMES, load_tasks
from tagmates.data.upstream import fetch as fetching
from tagmates.data.upstream import prepared
from tagmates.data.upstream.conversion import Splits, convert_task
from tagmates.data.upstream.download import git_blob_of, sha256_of
from tagmates.data.upstream.fetch import Downloading, Event, Failed, Found, Missing, Prepared, fetch_tasks
from tagmates.data.upstream.listing import list_tasks
from tagmates.data.upstream.sources import MODES, Mode, PublishedFile, Source, known_sources, sources_of
from tagmates.data.upstream.table1 import compare, printed
from tagmates.errors import BusyError, ConfigError, DataError, DiskError
from tagmates.private_folders import cache_folder

# --- the real data ------------------------------------------------------------------------------------------------


def fetched(task: str, mode: Mode, output: Path) -> Prepared:
    (event,) = (e for e in fetch_tasks([task], output, mode=mode, copies=UPSTREAM) if isinstance(e, Prepared))
    return event


def sentences_of(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").removesuffix("\n\n").split("\n\n")


@needs_real_data
@pytest.mark.parametrize("task", PAPER_SCHEMES)
def test_authors_mode_is_the_paper_in_every_sentence(task: str, tmp_path: Path) -> None:
    made = fetched(task, "authors", tmp_path)
    for split in SPLITS:
        ours, theirs = (sentences_of(folder / task / f"{split}.conll") for folder in (tmp_path, PAPER))
        identical = sum(a == b for a, b in zip(ours, theirs, strict=False))
        print(f"{task} {split}: {identical}/{len(theirs)} sentences identical, {len(ours)} made")
        assert ours == theirs
    assert all(number.equal for number in made.numbers)
    assert len(made.numbers) == (2 if task in ("xpos", "supsense", "semtr") else 6)  # in all the 54 that are printed
    assert all(file.verified == "sha256" for file in made.provenance.files)


@needs_real_data
@pytest.mark.parametrize(
    ("task", "labels", "differing", "sizes"),
    [
        ("upos", 17, [535, 70, 76], [12543, 2002, 2077]),
        ("supsense", 220, [64, 7, 8], [2723, 554, 535]),
        ("sem", 73, [39, 0, 0], [13851, 1567, 4675]),  # 39 tags in three sentences
    ],
)
def test_clean_mode_is_what_was_meant(
    task: str, labels: int, differing: list[int], sizes: list[int], tmp_path: Path
) -> None:
    made = fetched(task, "clean", tmp_path)
    assert made.row["labels"] == labels
    assert [made.provenance.splits[split].sentences for split in SPLITS] == sizes
    for split, expected in zip(SPLITS, differing, strict=True):
        ours, theirs = (sentences_of(folder / task / f"{split}.conll") for folder in (tmp_path, PAPER))
        if len(ours) > len(theirs):
            index = next(i for i, (a, b) in enumerate(zip(ours, [*theirs, ""], strict=True)) if a != b)
            ours.pop(index)
        changed = [(a.split("\n"), b.split("\n")) for a, b in zip(ours, theirs, strict=True) if a != b]
        assert sum(x != y for a, b in changed for x, y in zip(a, b, strict=True)) == expected
        assert task != "sem" or len(changed) == (3 if expected else 0)


@needs_real_data
def test_printed_cells_are_those_of_the_paper() -> None:
    paper = json.loads((DATA / "table1.json").read_text())["tasks"]
    assert list(printed()) == list(paper)
    for task, entry in paper.items():
        assert entry["paper_table1"] | printed()[task] == entry["paper_table1"]


@needs_real_data
def test_records_are_of_the_files_that_are_there() -> None:
    for source in known_sources():
        for file in source.file:
            for one in (file, file.substitute):
                path = UPSTREAM / source.name / one.name if one else None
                if one and path and path.exists():
                    assert (one.size, one.sha256) == (path.stat().st_size, sha256_of(path))
                else:
                    assert one is None or not one.sha256


# --- files written by hand ----------------------------------------------------------------------------------------


def columns(*sentences: str, separator: str = "\t") -> str:
    """``a/X b/Y`` as lines, cells between slashes."""
    return "".join(
        "".join(token.replace("/", separator) + "\n" for token in sentence.split(" ")) + "\n" for sentence in sentences
    )


def conllu(*sentences: str) -> str:
    """``form/UPOS/XPOS`` tokens as CoNLL-U."""
    blocks = []
    for sentence in sentences:
        rows = [token.split("/") for token in sentence.split(" ")]
        lines = [f"{i}\t{form}\t_\t{upos}\t{xpos}" + "\t_" * 5 for i, (form, upos, xpos) in enumerate(rows, 1)]
        blocks.append("\n".join(["# text = ...", *lines, "", ""]))
    return "".join(blocks)


def conllulex(*sentences: str) -> str:
    """``form/LEXTAG`` tokens as CoNLL-U-Lex, with an empty node that is no word."""
    blocks = []
    for sentence in sentences:
        rows = [token.split("/") for token in sentence.split(" ")]
        lines = [f"{i}\t{form}" + "\t_" * 16 + f"\t{lextag}" for i, (form, lextag) in enumerate(rows, 1)]
        blocks.append("\n".join(["# sent_id = x", *lines, "1.1\tgone" + "\t_" * 17, "", ""]))
    return "".join(blocks)


WEATHER = "(BYPASS NNP Rain VBZ<a>1 falls RB<b>2<i>3 hard . . ? ? ? ?)"
PLAIN = "(BYPASS UH Oh ?)"

MINIATURE: dict[str, dict[str, str | bytes]] = {
    "ud_english_r1.3": {
        "en-ud-train.conllu": conllu("Nobody/NOUN/NN sails/VERB/VBZ", "-LRB-/PUNCT/-LRB-"),
        "en-ud-dev.conllu": conllu("Fog/NOUN/NN lifts/VERB/VBZ"),
        "en-ud-test.conllu": conllu("Gulls/NOUN/NNS"),
    },
    "ud_english_r1.4": {
        "en-ud-train.conllu": conllu("Nobody/PRON/NN sails/VERB/VBZ", "-LRB-/PUNCT/-LRB-"),
        "en-ud-dev.conllu": conllu("Fog/NOUN/NN lifts/VERB/VBZ"),
        "en-ud-test.conllu": conllu("Gulls/NOUN/NNS"),
    },
    "conll2000": {
        "train.txt": columns("The/DT/B-NP mill/NN/I-NP turns/VBZ/B-VP", separator=" "),
        "test.txt": columns(*["Otters/NNS/B-NP"] * 1001, "The/DT/B-NP end/NN/I-NP ././O", separator=" "),
    },
    "conll2003": {
        "eng.train": columns("Mika/N/N/I-PER Lind/N/N/I-PER Oslo/N/N/I-LOC", separator=" ") + "-DOCSTART- -X- O O\n\n",
        "eng.testa": columns("Oslo/N/N/I-LOC Vardo/N/N/B-LOC", separator=" "),
        "eng.testb": "-DOCSTART- -X- -X- O\n\n" + columns("in/I/N/O Oslo/N/N/I-LOC", separator=" "),
    },
    "streusle_4.0": {
        "streusle.ud_train.conllulex": conllulex(
            "took/B-V.VPC-v.motion it/o-PRON off/I_ with/O-P-p.Co-Agent her/O-PRON.POSS-p.Possessor|p.Co-Agent"
        ),
        "streusle.ud_dev.conllulex": conllulex("good/B-ADJ luck/I~-N-n.STATE"),
        "streusle.ud_test.conllulex": conllulex("set/b-V-v.change up/i_ it/i~-PRON"),
    },
    "semcor": {
        "english_semcor_train.conll": columns(
            "Port_Ness/noun.location sleeps/verb.body",
            "bees/noun.social_relation hum/verb.perception",
            "it/O rains/verb.weather",
            "it/O rains/O",  # the same words with other tags
        ),
        "english_semcor_dev.conll": columns("fog/NN/noun.phenomenon lifts/VB/verb.motion"),
        "english_semcor_test.conll": columns("gulls/NN/noun.animal", "the/DT/O end/NN/noun.time"),
    },
    "semantic_traits": {
        "semcor_semantictraits_train.conll": columns(
            "Port/Place Ness/Place sleeps/Static", "bees/Animate hum/Dynamic", "it/O rains/Dynamic"
        ),
        "semcor_semantictraits_dev.conll": columns("fog/Object lifts/Dynamic", "gulls/Animate"),
        "semcor_semantictraits_test.conll": columns("the/O end/Time", "gulls/Object", "elsewhere/Place"),
    },
    "broadcast_news": {
        "broadcast1_com_train.conll": columns("we/O er/DEL sail/O", separator=" "),
        "broadcast1_com_dev.conll": columns("well/DEL now/O", separator=" "),
        "broadcast1_com_test.conll": columns("now/O", separator=" "),
    },
    "framenet_targets": {
        "eng_fnt_train.conll": columns("they/O gave/B-TARGET up/B-TARGET"),
        "eng_fnt_dev.conll": columns("stones/B-TARGET"),
        "eng_fnt_test.conll": columns("sink/O"),
    },
    "hyperlinks": {
        "dp.stanford.select": "\n".join([WEATHER, *[PLAIN] * 1999, WEATHER, *[PLAIN] * 973, *[PLAIN] * 1000, ""])
        .encode()
        .replace(b"Oh", b"1\xbd", 1),
    },
}


@pytest.fixture(scope="module")
def copies(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("copies")
    for source, files in MINIATURE.items():
        (folder / source).mkdir()
        for name, content in files.items():
            (folder / source / name).write_bytes(content.encode() if isinstance(content, str) else content)
    return folder


@pytest.fixture(scope="module")
def sources(copies: Path) -> tuple[Source, ...]:
    """The known data sets as if the files written by hand were what was published."""
    return with_files(lambda source, file: file.model_copy(update=facts(copies / source.name / file.name)))


def facts(path: Path) -> dict[str, object]:
    return {"size": path.stat().st_size, "sha256": sha256_of(path), "substitute": None}


def with_files(change: Callable[[Source, PublishedFile], PublishedFile]) -> tuple[Source, ...]:
    return tuple(
        source.model_copy(update={"file": tuple(change(source, file) for file in source.file)})
        for source in known_sources()
    )


def converted(task: str, mode: Mode, copies: Path) -> Splits:
    names = [source.name for source in sources_of(task, mode, known_sources())]
    return convert_task(task, {path.name: path for name in names for path in (copies / name).iterdir()}, mode)


def texts(sentences: list[Sentence]) -> list[str]:
    return [" ".join(f"{token}/{tag}" for token, tag in zip(s.tokens, s.tags or (), strict=True)) for s in sentences]


BY_HAND = {
    ("upos", "authors"): (["Nobody/NOUN sails/VERB", "-LRB-/PUNCT"], ["Fog/NOUN lifts/VERB"], ["Gulls/NOUN"]),
    ("upos", "clean"): (["Nobody/PRON sails/VERB", "-LRB-/PUNCT"], ["Fog/NOUN lifts/VERB"], ["Gulls/NOUN"]),
    ("xpos", "both"): (["Nobody/NN sails/VBZ", "-LRB-/-LRB-"], ["Fog/NN lifts/VBZ"], ["Gulls/NNS"]),
    ("chunk", "both"): (["The/B-NP mill/E-NP turns/S-VP"], ["Otters/S-NP"] * 1001, ["The/B-NP end/E-NP ./O"]),
    ("ner", "both"): (["Mika/B-PER Lind/E-PER Oslo/S-LOC"], ["Oslo/S-LOC Vardo/S-LOC"], ["in/O Oslo/S-LOC"]),
    ("mwe", "both"): (["took/B it/O off/I with/O her/O"], ["good/B luck/I"], ["set/B up/I it/I"]),
    ("supsense", "authors"): (
        ["took/v.motion it/O off/O with/O her/O"],
        ["good/O luck/n.STATE"],
        ["set/v.change up/O it/O"],
    ),
    ("supsense", "clean"): (
        ["took/v.motion it/O off/O with/p.Co-Agent her/p.Possessor|p.Co-Agent"],
        ["good/O luck/n.STATE"],
        ["set/v.change up/O it/O"],
    ),
    ("sem", "authors"): (  # the last sentence of the pool is gone; an underscore has moved the tags
        ["Port/noun.location Ness/noun.location sleeps/verb.body", "bees/noun.social hum/relation"],
        ["fog/noun.phenomenon lifts/verb.motion", "gulls/noun.animal"],
        ["gulls/noun.animal"],
    ),
    ("sem", "clean"): (
        ["Port/noun.location Ness/noun.location sleeps/verb.body", "bees/noun.social_relation hum/verb.perception"],
        ["fog/noun.phenomenon lifts/verb.motion", "gulls/noun.animal"],
        ["the/O end/noun.time", "gulls/noun.animal"],
    ),
    ("semtr", "both"): (  # gulls are two things
        ["Port/Place Ness/Place sleeps/Static", "bees/Animate hum/Dynamic", "it/O rains/Dynamic"],
        ["fog/Object lifts/Dynamic"],
        ["the/O end/Time", "elsewhere/Place"],
    ),
    ("com", "both"): (["we/KEEP er/DEL sail/KEEP"], ["well/DEL now/KEEP"], ["now/KEEP"]),
    ("frame", "both"): (["they/O gave/B-TARGET up/B-TARGET"], ["stones/B-TARGET"], ["sink/O"]),
    ("hyp", "both"): (
        ["Rain/O falls/B-HTML hard/B-HTML ./O", "1/O", *["Oh/O"] * 1998],
        ["Rain/O falls/B-HTML hard/B-HTML ./O", *["Oh/O"] * 973],
        ["Oh/O"] * 1000,
    ),
}


@pytest.mark.parametrize(("task", "mode"), BY_HAND)
def test_conversion_by_hand(task: str, mode: str, copies: Path) -> None:
    for each in MODES if mode == "both" else (mode,):
        splits = converted(task, each, copies)  # type: ignore[arg-type]
        assert tuple(texts(splits[split]) for split in SPLITS) == BY_HAND[task, mode]


@pytest.mark.parametrize(
    ("task", "name", "content", "what"),
    [
        ("chunk", "test.txt", columns("Otters/NNS/B-NP", separator=" "), "has 1 sentences, and dev alone takes 1001"),
        ("hyp", "dp.stanford.select", PLAIN, "has 1 sentences, not 3974"),
        ("hyp", "dp.stanford.select", "UH Oh ?", ":1: is not of the form"),
        ("hyp", "dp.stanford.select", "(BYPASS UH Oh UH No ?)", ":1: is not of the form"),
        ("ner", "eng.testb", columns("Oslo/N/N/LOC", separator=" "), "'LOC' is not a tag of iob1"),
        ("mwe", "streusle.ud_dev.conllulex", conllu("Fog/NOUN/NN"), "streusle.ud_dev.conllulex:2"),
        ("com", "broadcast1_com_dev.conll", b"well \xff\n", "0xff"),
    ],
)
def test_files_that_are_not_what_they_should_be(
    task: str, name: str, content: str | bytes, what: str, copies: Path, tmp_path: Path
) -> None:
    shutil.copytree(copies, tmp_path, dirs_exist_ok=True)
    (source,) = sources_of(task, "authors", known_sources())
    (tmp_path / source.name / name).write_bytes(content.encode() if isinstance(content, str) else content)
    with pytest.raises(DataError, match=re.escape(what)):
        converted(task, "authors", tmp_path)


def failure(events: Iterable[Event]) -> str:
    """Why the only task that failed did."""
    (reason,) = (event.reason for event in events if isinstance(event, Failed))
    return reason


# --- fetching -----------------------------------------------------------------------------------------------------


def test_fetched_tasks_are_what_data_takes(copies: Path, sources: tuple[Source, ...], tmp_path: Path) -> None:
    events = list(fetch_tasks(PAPER_SCHEMES, tmp_path / "o", copies=copies, cache=tmp_path / "c", sources=sources))
    made = {event.provenance.task: event for event in events if isinstance(event, Prepared)}
    assert list(made) == list(PAPER_SCHEMES)
    assert not any(isinstance(event, Missing | Downloading) for event in events)
    known = load_tasks(str(tmp_path / "o"))
    corpora = load_corpora(known, known)
    for task, event in made.items():
        hand = BY_HAND[task, "authors"] if (task, "authors") in BY_HAND else BY_HAND[task, "both"]
        assert tuple(texts(corpora[task][split]) for split in SPLITS) == hand
        assert json.loads((event.folder / "SOURCE.json").read_text()) == event.provenance.model_dump(mode="json")
        assert [event.provenance.splits[split].sentences for split in SPLITS] == [len(part) for part in hand]
    assert not (tmp_path / "c").exists()
    assert sorted(path.name for path in (tmp_path / "o").iterdir()) == sorted([".lock", *PAPER_SCHEMES])


def test_files_may_lie_side_by_side(copies: Path, sources: tuple[Source, ...], tmp_path: Path) -> None:
    flat = copies / "framenet_targets"
    assert [type(event) for event in fetch_tasks(["frame"], tmp_path, copies=flat, sources=sources)][-1] is Prepared


def test_wrong_checksum_is_refused_unless_told(copies: Path, sources: tuple[Source, ...], tmp_path: Path) -> None:
    flat, output = tmp_path / "copy", tmp_path / "o"
    shutil.copytree(copies / "framenet_targets", flat)
    (flat / "eng_fnt_dev.conll").write_text(columns("pebbles/B-TARGET"))
    reason = failure(fetch_tasks(["frame"], output, copies=flat, sources=sources))
    assert re.search(r"eng_fnt_dev\.conll: is not the published file.*--unverified", reason)
    assert [path.name for path in output.iterdir()] == [".lock"]
    *_, last = fetch_tasks(["frame"], output, copies=flat, sources=sources, unverified=True)
    assert isinstance(last, Prepared)
    assert [file.verified for file in last.provenance.files] == ["sha256", "unverified", "sha256"]


def test_what_a_file_is_known_by(copies: Path, tmp_path: Path) -> None:
    folder = copies / "framenet_targets"
    blob = git_blob_of(folder / "eng_fnt_dev.conll")
    hashes = {"eng_fnt_dev.conll": {"git_blob": blob}, "eng_fnt_test.conll": {"git_blob": "0" * 40}}
    known = with_files(lambda _, file: PublishedFile(name=file.name, **hashes.get(file.name, {})))
    reason = failure(fetch_tasks(["frame"], tmp_path, copies=folder, sources=known))
    assert re.search(r"eng_fnt_test\.conll: is not the published file, which has git blob 0000", reason)
    events = fetch_tasks(["frame"], tmp_path, copies=folder, sources=known, unverified=True)
    verified = [event.verified for event in events if isinstance(event, Found)]
    assert verified == ["unverified", "git blob", "unverified"]


def test_substitute_is_taken_under_its_name(copies: Path, tmp_path: Path) -> None:
    shutil.copytree(copies / "streusle_4.0", tmp_path / "copy")
    rebuilt = tmp_path / "copy" / "streusle.ud_train.rebuilt.conllulex"
    (tmp_path / "copy" / "streusle.ud_train.conllulex").rename(rebuilt)
    known = with_files(
        lambda _, file: PublishedFile(
            name=file.name,
            substitute=PublishedFile(name=rebuilt.name, sha256=sha256_of(rebuilt)) if file.substitute else None,
        )
    )
    *_, last = fetch_tasks(["mwe"], tmp_path / "o", copies=tmp_path / "copy", sources=known)
    assert isinstance(last, Prepared)
    assert last.provenance.files[0].name == rebuilt.name
    assert [file.verified for file in last.provenance.files] == ["sha256", "unverified", "unverified"]


def test_what_belongs_to_others_is_missing_and_the_rest_goes_on(
    copies: Path, sources: tuple[Source, ...], tmp_path: Path
) -> None:
    shutil.copytree(copies, tmp_path / "copy")
    (tmp_path / "copy" / "conll2000" / "test.txt").unlink()
    events = list(fetch_tasks(["chunk", "frame"], tmp_path / "o", copies=tmp_path / "copy", sources=sources))
    (missing,) = (event for event in events if isinstance(event, Missing))
    assert (missing.task, missing.source.name, missing.files) == ("chunk", "conll2000", ("test.txt",))
    assert isinstance(events[-1], Prepared)
    assert not (tmp_path / "o" / "chunk").exists()


def test_a_broken_file_stops_only_its_tasks(copies: Path, sources: tuple[Source, ...], tmp_path: Path) -> None:
    shutil.copytree(copies, tmp_path / "copy")
    traits = tmp_path / "copy" / "semantic_traits" / "semcor_semantictraits_dev.conll"
    traits.write_text("no tab\n")
    events = list(fetch_tasks(["sem", "semtr", "frame"], tmp_path / "o", copies=tmp_path / "copy", sources=sources))
    assert [type(event) for event in events if not isinstance(event, Found)] == [Failed, Failed, Prepared]
    assert sorted(path.name for path in (tmp_path / "o").iterdir()) == [".lock", "frame"]


def test_what_was_downloaded_unverified_is_said_to_be(copies: Path, tmp_path: Path) -> None:
    """The page of a network that wants a password, say, is in the cache under the file's name."""
    cached = tmp_path / "upstream" / "streusle_4.0"
    cached.parent.mkdir()
    shutil.copytree(copies / "streusle_4.0", cached)
    (cached / "streusle.ud_train.conllulex").write_text("<p>Log in</p>\n")
    known = with_files(lambda _, file: PublishedFile(name=file.name, url=file.url))
    reason = failure(fetch_tasks(["mwe"], tmp_path / "o", cache=tmp_path, sources=known))
    assert re.search(r"train\.conllulex:1: .*: delete it, and it is downloaded again", reason)


def test_links_and_write_protected_folders_are_left(
    copies: Path, sources: tuple[Source, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file or folder of these names could not be removed, and would block the next fetch."""
    list(fetch_tasks(["frame"], tmp_path / "there", copies=copies, sources=sources))
    (tmp_path / "o").mkdir()
    (tmp_path / "o" / "frame").symlink_to(tmp_path / "there" / "frame")
    for output in (tmp_path / "o", tmp_path / "there"):
        with pytest.raises(ConfigError, match="frame: is a link or write-protected"):
            list(fetch_tasks(["frame"], output, copies=copies, sources=sources))
        monkeypatch.setattr(os, "access", lambda *_: False)  # nothing is protected from root


def test_nobody_s_files_are_overwritten(copies: Path, sources: tuple[Source, ...], tmp_path: Path) -> None:
    def again(mode: Mode = "authors") -> list[Event]:
        return list(fetch_tasks(["frame"], tmp_path, mode=mode, copies=copies, sources=sources))

    again()
    again()  # over its own
    with pytest.raises(ConfigError, match="in mode authors, not clean"):
        again("clean")
    notes = tmp_path / "frame" / "notes.txt"
    notes.write_text("mine")
    with pytest.raises(ConfigError, match=r"notes\.txt: is not as tagmates data fetch wrote it"):
        again()
    notes.unlink()
    train = tmp_path / "frame" / "train.conll"
    train.write_text(train.read_text() + "mine\tO\n\n")
    with pytest.raises(ConfigError, match=r"train\.conll: is not as tagmates data fetch wrote it"):
        again()
    (tmp_path / "frame" / "SOURCE.json").write_text("{")
    with pytest.raises(ConfigError, match="was not made by tagmates data fetch"):
        again()
    assert "mine" in train.read_text()


class _Killed(BaseException):
    pass


@pytest.mark.parametrize("moment", range(6))
def test_a_killed_fetch_leaves_no_half(
    moment: int, copies: Path, sources: tuple[Source, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ended before any of the writes and renames, nothing cleaned up: the task is there as it was, or not at all."""
    list(fetch_tasks(["frame"], tmp_path, copies=copies, sources=sources))
    steps = 0

    def dying(function: Callable[..., object]) -> Callable[..., object]:
        def step(*args: object) -> object:
            nonlocal steps
            if steps == moment:
                raise _Killed
            steps += 1
            return function(*args)

        return step

    with monkeypatch.context() as patch:
        patch.setattr(prepared, "write_atomically", dying(prepared.write_atomically))
        patch.setattr(prepared, "write_json", dying(prepared.write_json))
        patch.setattr(Path, "rename", dying(Path.rename))
        patch.setattr(prepared.shutil, "rmtree", lambda *_, **__: None)
        with pytest.raises(_Killed):
            list(fetch_tasks(["frame"], tmp_path, copies=copies, sources=sources))
    if (tmp_path / "frame").exists():
        assert {path.name for path in (tmp_path / "frame").iterdir()} == {
            "SOURCE.json",
            "train.conll",
            "dev.conll",
            "test.conll",
        }
        assert list(load_tasks(str(tmp_path))) == ["frame"]
    else:
        with pytest.raises(DataError):
            load_tasks(str(tmp_path))
    *_, last = fetch_tasks(["frame"], tmp_path, copies=copies, sources=sources)
    assert isinstance(last, Prepared)
    assert sorted(path.name for path in tmp_path.iterdir()) == [".lock", "frame"]


def test_a_full_disk_leaves_what_was_there(
    copies: Path, sources: tuple[Source, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    list(fetch_tasks(["frame"], tmp_path, copies=copies, sources=sources))
    before = {path: path.read_bytes() for path in (tmp_path / "frame").iterdir()}
    rename = Path.rename

    def full(path: Path, target: Path) -> Path:
        if path.name == ".frame.new":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", full)
    with pytest.raises(DiskError, match="frame: cannot be written"):
        list(fetch_tasks(["frame"], tmp_path, copies=copies, sources=sources))
    assert {path: path.read_bytes() for path in (tmp_path / "frame").iterdir()} == before
    assert sorted(path.name for path in tmp_path.iterdir()) == [".lock", "frame"]


def test_two_at_once_are_refused(copies: Path, sources: tuple[Source, ...], tmp_path: Path) -> None:
    first = fetch_tasks(["frame"], tmp_path, copies=copies, sources=sources)
    next(first)
    with pytest.raises(BusyError, match="another fetch writes here"):
        next(fetch_tasks(["frame"], tmp_path, copies=copies, sources=sources))
    list(first)


# --- downloading --------------------------------------------------------------------------------------------------


class _Quiet(SimpleHTTPRequestHandler):
    asked: list[str] = []  # noqa: RUF012

    def do_GET(self) -> None:
        self.asked.append(self.path)
        super().do_GET()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server(copies: Path, tmp_path: Path) -> Iterator[str]:
    """The address of a server of the files written by hand, and of an archive with one of them."""
    shutil.copytree(copies, tmp_path / "www")
    shutil.make_archive(str(tmp_path / "www" / "markup-data"), "bztar", copies / "hyperlinks")
    _Quiet.asked = []
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(tmp_path / "www"))) as served:
        thread = threading.Thread(target=served.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{served.server_port}"
        served.shutdown()
        thread.join()


def test_downloads_are_kept_and_verified(
    server: str, sources: tuple[Source, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = {source.name: source for source in sources}

    def moved(source: Source, file: PublishedFile) -> PublishedFile:
        known = next(one for one in here[source.name].file if one.name == file.name)
        url = f"{server}/markup-data.tar.bz2" if file.member else f"{server}/{source.name}/{file.name}"
        member = f"./{file.member}" if file.member else ""
        return known.model_copy(update={"url": url if file.url else "", "member": member})

    served = with_files(moved)
    monkeypatch.setenv("TAGMATES_CACHE", str(tmp_path / "cache"))
    tasks = ["upos", "xpos", "mwe", "supsense", "hyp", "sem", "semtr"]
    events = list(fetch_tasks(tasks, tmp_path / "o", sources=served))
    assert [event.provenance.task for event in events if isinstance(event, Prepared)] == tasks
    assert all(event.verified == "sha256" for event in events if isinstance(event, Found))
    assert len(_Quiet.asked) == len(set(_Quiet.asked)) == 13
    assert not list((tmp_path / "cache").rglob("*.bz2"))

    damaged = tmp_path / "cache" / "upstream" / "ud_english_r1.3" / "en-ud-dev.conllu"
    damaged.write_text(conllu("Pebbles/NOUN/NNS"))
    again = list(fetch_tasks(tasks, tmp_path / "o", sources=served))
    assert len(_Quiet.asked) == 14  # the damaged one alone
    assert [e for e in again if isinstance(e, Prepared)] == [e for e in events if isinstance(e, Prepared)]

    (tmp_path / "www" / "ud_english_r1.4" / "en-ud-dev.conllu").write_text(conllu("Pebbles/NOUN/NNS"))
    asked = len(_Quiet.asked)
    *_, first, second, _, third = fetch_tasks(["upos", "xpos", "hyp"], tmp_path / "clean", mode="clean", sources=served)
    assert isinstance(first, Failed) and re.search(r"en-ud-dev\.conllu.*sha256", first.reason)
    assert second == Failed("xpos", first.reason)
    assert isinstance(third, Prepared)
    assert _Quiet.asked[asked:] == [f"/ud_english_r1.4/en-ud-{split}.conllu" for split in ("train", "dev")]
    assert not (tmp_path / "clean" / "upos").exists()


def test_an_archive_of_one_s_own_is_unpacked(server: str, sources: tuple[Source, ...], tmp_path: Path) -> None:
    (known,) = sources_of("hyp", "authors", sources)
    own = known.model_copy(update={"file": tuple(f.model_copy(update={"member": "./" + f.name}) for f in known.file)})
    *_, last = fetch_tasks(["hyp"], tmp_path / "o", copies=tmp_path / "www", cache=tmp_path / "c", sources=[own])
    assert isinstance(last, Prepared)
    assert not _Quiet.asked
    assert (tmp_path / "www" / "markup-data.tar.bz2").exists()


# --- records, lists, the command line -----------------------------------------------------------------------------


def test_every_task_has_its_data_sets() -> None:
    for mode in MODES:
        for task in PAPER_SCHEMES:
            names = [source.name for source in sources_of(task, mode, known_sources())]
            assert len(names) == (2 if task == "sem" else 1)
    for source in known_sources():
        assert source.downloadable or source.obtain
        assert all(file.url.startswith("https://") for file in source.file if file.url)
        assert all(len(file.sha256) in (0, 64) for file in source.file)


def test_second_task_of_a_data_set_has_two_cells() -> None:
    row = {"task": "xpos", "labels": 50, "label_entropy": 3.1086, "sentences_train": 1}
    assert [(cell.column, cell.equal) for cell in compare(row)] == [("labels", True), ("label_entropy", True)]
    assert not compare({**row, "label_entropy": 3.2})[1].equal
    assert sum(len(compare({"task": task, **cells})) for task, cells in printed().items()) == 54


def test_where_the_cache_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    assert cache_folder() == tmp_path / ".cache" / "tagmates"
    monkeypatch.setenv("XDG_CACHE_HOME", "/x")
    assert cache_folder() == Path("/x/tagmates")
    monkeypatch.setenv("TAGMATES_CACHE", "/y")
    assert cache_folder() == Path("/y")
    monkeypatch.setenv("TAGMATES_CACHE", "")
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setattr(Path, "home", homeless)
    with pytest.raises(ConfigError, match="TAGMATES_CACHE"):
        list_tasks("authors", tmp_path)


def homeless() -> Path:
    raise RuntimeError("Could not determine home directory.")


def test_states(copies: Path, sources: tuple[Source, ...], tmp_path: Path) -> None:
    cached = tmp_path / "cache" / "upstream" / "semantic_traits"
    cached.parent.mkdir(parents=True)
    shutil.copytree(copies / "semantic_traits", cached)
    list(fetch_tasks(["frame"], tmp_path / "o", copies=copies, sources=sources))
    states = {(row.task, row.source.name): row for row in list_tasks("authors", tmp_path / "o", tmp_path / "cache")}
    assert states["frame", "framenet_targets"].state == "here"
    assert states["chunk", "conll2000"].state == "needs your copy"
    assert states["semtr", "semantic_traits"].state == "downloaded"
    assert states["upos", "ud_english_r1.3"].state == "to be downloaded"
    assert not states["mwe", "streusle_4.0"].size_known
    clean = {row.task: row.state for row in list_tasks("clean", tmp_path / "o", tmp_path / "cache")}
    assert clean["frame"] == "needs your copy"


@pytest.fixture
def by_hand(monkeypatch: pytest.MonkeyPatch, sources: tuple[Source, ...]) -> None:
    """The files written by hand are what was published."""
    monkeypatch.setattr(fetching, "known_sources", lambda: sources)


@pytest.mark.usefixtures("by_hand")
def test_fetch_command(copies: Path, tmp_path: Path) -> None:
    output = tmp_path / "data"
    done = tagmates("data", "fetch", "upos", "frame", "--from", copies, "--output-dir", output)
    assert done.code == 1  # these are not the paper's
    assert re.search(r"upos +│ +2/4 │", done.out)
    assert "≠12543/16622" in done.out
    assert "framenet_targets/eng_fnt_dev.conll: verified by its sha256\n" in done.err
    assert "upos and frame: differs from the paper's Table 1" in done.err
    assert f"--data {output}\n" in done.err

    done = tagmates("data", "fetch", "frame", "--from", copies, "--output-dir", output, "--json")
    (task,) = json.loads(done.out)["tasks"]
    assert task["table1"][0] == {"column": "sentences_train", "printed": 3711, "measured": 1, "equal": False}
    assert task["splits"]["train"]["sentences"] == 1

    clean = ("--output-dir", tmp_path / "c", "--mode", "clean")
    done = tagmates("data", "fetch", "supsense", "--from", copies, *clean)
    assert done.code == 0
    assert "docs/paper-tasks.md explains why" in done.err
    done = tagmates("data", "fetch", "frame", "--from", copies, *clean)
    assert done.code == 1  # of this task both modes are the paper's
    assert "frame: differs from the paper's Table 1" in done.err


@pytest.mark.usefixtures("by_hand")
def test_fetch_command_goes_on_behind_a_failure(copies: Path, tmp_path: Path) -> None:
    (copy := tmp_path / "copy").mkdir()
    shutil.copytree(copies / "framenet_targets", copy, dirs_exist_ok=True)
    (copy / "train.txt").write_text("?")
    done = tagmates("data", "fetch", "chunk", "frame", "--from", copy, "--output-dir", tmp_path / "o", "--json")
    assert done.code == 1
    found = json.loads(done.out)
    assert [one["task"] for one in found["tasks"]] == ["frame"]
    assert [one["task"] for one in found["failed"]] == ["chunk"]
    assert "tagmates: chunk: " in done.err and "is not the published file" in done.err


def test_fetch_command_says_how_to_get_what_belongs_to_others(tmp_path: Path) -> None:
    done = tagmates("data", "fetch", "chunk", "ner", "--output-dir", tmp_path)
    assert (done.code, done.out) == (1, "")
    for words in ("train.txt and test.txt", "https://www.clips.uantwerpen.be/conll2003/ner/", "NIST", "--from FOLDER"):
        assert words in done.err
    done = tagmates("data", "fetch", "com", "--output-dir", tmp_path, "--json")
    assert [one["task"] for one in json.loads(done.out)["missing"]] == ["com"]


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (["fetch", "upso"], "TASKS: no task 'upso' (did you mean 'upos'?)"),
        (["fetch", "upos", "upos"], "named twice"),
        (["fetch", "chunk", "--from", "/nowhere/at/all"], "--from /nowhere/at/all: is not a folder"),
        (["fetch", "chunk", "--mode", "tidy"], "--mode"),
        (["fetch"], "TASKS"),
    ],
)
def test_fetch_command_refuses(arguments: list[str], what: str, tmp_path: Path) -> None:
    done = tagmates("data", *arguments, "--output-dir", tmp_path / "o")
    assert done.code == 2
    assert what in done.err
    assert len(done.err.rstrip("\n").split("\n")) == 1
    assert not (tmp_path / "o").exists()


def test_list_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TAGMATES_CACHE", str(tmp_path))
    done = tagmates("data", "list", "--output-dir", tmp_path)
    assert done.code == 0
    assert all(word in done.out for word in (*PAPER_SCHEMES, "needs your copy", "CC BY-SA 4.0", "12.5 MB"))
    rows = json.loads(tagmates("data", "list", "--output-dir", tmp_path, "--json").out)
    assert [row["task"] for row in rows] == [*list(PAPER_SCHEMES)[:7], "sem", *list(PAPER_SCHEMES)[7:]]
    assert rows[0]["homepage"].startswith("https://")
