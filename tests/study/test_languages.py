"""The example studies of languages and genres, and scripts other than Latin from file to tags."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tagmates.apps.cli import app
from tagmates.data.archive import read_archived
from tagmates.data.corpora import load_corpora, load_split
from tagmates.data.task import Part, Task
from tagmates.data.tasks import load_tasks
from tagmates.study.plan import make_plan
from tagmates.study.settings import read_study

STUDIES = Path(__file__).parents[2] / "studies"

# words and their classes, made up: composed and decomposed, joiners, flags, skin tones, right-to-left, stacked marks
SENTENCES = {
    "af": ["Ek/PRON drink/VERB 'n/DET koffie/NOUN ☕/SYM ./PUNCT", "Môre/ADV reën/VERB dit/PRON ./PUNCT"],
    "nl": ["Zij/PRON leest/VERB een/DET boek/NOUN ./PUNCT", "De/DET coo\u0308rdinator/NOUN belt/VERB 👩‍🚀/SYM ./PUNCT"],
    "de": ["Wir/PRON gehen/VERB zu/ADP dem/DET See/NOUN ./PUNCT", "Größe/NOUN zählt/VERB 🇩🇪/SYM ./PUNCT"],
    "ar": ["قرأتْ/VERB الكتابَ/NOUN في/ADP البيت/NOUN ./PUNCT", "أين/ADV المفتاح/NOUN ؟/PUNCT", "می‌روم/VERB ./PUNCT"],
    "hi": ["मैं/PRON पानी/NOUN पीता/VERB हूँ/AUX ।/PUNCT", "क्षत्रिय/NOUN आया/VERB 👍🏽/SYM ।/PUNCT"],
}
GENRES = ["weblog", "newsgroup", "email", "reviews", "answers"]


def conllu(sentences: list[str], name: str) -> str:
    """A treebank of these sentences; the first two words of each stand under the line of a written word."""
    blocks = []
    for number, sentence in enumerate(sentences, start=1):
        pairs = [word.rsplit("/", 1) for word in sentence.split()]
        lines = [f"# sent_id = {name}-{number:04}", f"# text = {' '.join(word for word, _ in pairs)}"]
        lines.append("\t".join(["1-2", pairs[0][0] + pairs[1][0], *"________"]))
        lines += ["\t".join([str(i), word, "_", tag, *"______"]) for i, (word, tag) in enumerate(pairs, start=1)]
        blocks.append("\n".join(lines) + "\n\n")
    return "".join(blocks)


def words_of(sentences: list[str]) -> list[tuple[str, ...]]:
    return [tuple(word.rsplit("/", 1)[0] for word in sentence.split()) for sentence in sentences]


@pytest.fixture
def languages(tmp_path: Path) -> Path:
    """The example study of languages beside treebanks of the sentences above."""
    (tmp_path / "tasks").mkdir()
    for name in ("languages.toml", "tasks/languages.toml"):
        (tmp_path / name).write_bytes((STUDIES / name).read_bytes())
    for task in load_tasks(str(tmp_path / "tasks" / "languages.toml")).values():
        task.folder.mkdir(parents=True)
        for split in ("train", "dev", "test"):
            part = task.part(split)
            assert part is not None
            (task.folder / part.file).write_text(conllu(SENTENCES[task.name], f"{task.name}-{split}"))
    return tmp_path


@pytest.fixture
def genres(tmp_path: Path) -> Path:
    """The tasks of the example study of genres beside a treebank in which genres take turns."""
    (tmp_path / "tasks").mkdir()
    (tmp_path / "tasks" / "genres.toml").write_bytes((STUDIES / "tasks" / "genres.toml").read_bytes())
    folder = tmp_path / "ud" / "UD_English-EWT"
    folder.mkdir(parents=True)
    for split in ("train", "dev", "test"):
        texts = [
            conllu([f"Here/ADV speaks/VERB {genre}/NOUN ./PUNCT"], f"{genre}-x{i}") for i in "12" for genre in GENRES
        ]
        (folder / f"en_ewt-ud-{split}.conllu").write_text("".join(texts))
    return tmp_path


def test_a_genre_takes_the_sentences_whose_names_begin_with_it(genres: Path) -> None:
    tasks = load_tasks(str(genres / "tasks" / "genres.toml"))
    corpora = load_corpora(tasks, tasks)
    assert list(corpora) == GENRES
    for genre in GENRES:
        for sentences in corpora[genre].values():
            assert [sentence.tokens for sentence in sentences] == [("Here", "speaks", genre, ".")] * 2


@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_a_name_is_that_of_its_own_sentence(mark: str, tmp_path: Path) -> None:
    """Not that of the one before, where a part of the file begins behind it; nor lost to a byte order mark."""
    named = {"Fog": "# sent_id = web-1\n", "Rain": "", "Snow": "# sent_id = news-1\n", "Hail": "# sent_id = web-2\n"}
    blocks = [f"{name}1\t{word}\t_\tNOUN" + "\t_" * 6 + "\n\n" for word, name in named.items()]
    (tmp_path / "a.conllu").write_text(mark + "".join(blocks))

    def words(pattern: str, sentences: str) -> list[str]:
        part = Part(file="a.conllu", sent_id=pattern, sentences=sentences)
        task = Task(name="x", format="conllu", train=part, folder=tmp_path)
        return [sentence.tokens[0] for sentence in load_split(task, "train")]

    assert words("web-*", "") == ["Fog", "Hail"]
    assert words("web-*", "2-") == ["Hail"]
    assert words("news-*", "1-3") == ["Snow"]


def test_a_pattern_that_fits_no_sentence_is_an_error(genres: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = genres / "tasks" / "genres.toml"
    path.write_text(path.read_text().replace('"weblog-*"', '"blog-*"', 1))
    assert app(["data", "check", str(path)]) == 1
    assert "no sentence has a sent_id like 'blog-*'" in capsys.readouterr().out


@pytest.mark.parametrize("name, trainings", [("languages", 81), ("genres", 111)])
def test_the_example_studies_are_whole(name: str, trainings: int) -> None:
    study = read_study(STUDIES / f"{name}.toml")
    assert len(make_plan(study, list(load_tasks(study.data)), {})) == trainings


def test_scripts_survive_from_file_to_pack_to_training_to_tagging(
    languages: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    small = ["model.hidden_size=8", "training.max_epochs=1", "training.max_updates=2", "training.epoch_updates=2"]
    settings = [part for setting in small for part in ("--set", setting)]
    study, pack = str(languages / "languages.toml"), languages / "languages.pack"
    app(["study", "pack", study, "--output", str(pack)])
    for language, sentences in SENTENCES.items():
        assert [sentence.tokens for sentence in read_archived(pack, language, "test")] == words_of(sentences)
    run = languages / "run"
    data = ["--data", str(languages / "tasks" / "languages.toml")]
    app(
        [
            "train",
            "--tasks",
            "all",
            "--preset",
            "practical",
            "--vectors",
            "random",
            "--output-dir",
            str(run),
            *data,
            *settings,
        ]
    )
    every = [words for sentences in SENTENCES.values() for words in words_of(sentences)]
    text = languages / "words.txt"
    text.write_text("".join("\n".join(words) + "\n\n" for words in every))
    capsys.readouterr()
    app(["tag", str(run), str(text), "--input", "conll", "--output", "json"])
    tagged = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [tuple(sentence["tokens"]) for sentence in tagged] == every


@pytest.mark.slow
def test_tagging_does_not_depend_on_the_locale(languages: Path) -> None:
    """Text in UTF-8 stays as it is even if the locale knows only ASCII."""
    run = languages / "run"
    data = [
        "--data",
        str(languages / "tasks" / "languages.toml"),
        "--tasks",
        "ar",
        "--vectors",
        "random",
        "--output-dir",
        str(run),
    ]
    app(
        [
            "train",
            *data,
            "--set",
            "model.hidden_size=8",
            "--set",
            "training.max_epochs=1",
            "--set",
            "training.min_epoch_updates=1",
        ]
    )
    words = "".join(f"{word}\n" for word in words_of(SENTENCES["ar"])[0])
    command = [sys.executable, "-m", "tagmates.apps.cli", "tag", str(run), "-", "--input", "conll"]
    environment = {"LC_ALL": "C", "PYTHONUTF8": "0", "PATH": "/usr/bin:/bin", "HOME": str(languages)}
    done = subprocess.run(command, input=words.encode(), capture_output=True, env=environment, check=True)
    rows = [line.split("\t") for line in done.stdout.decode().splitlines()[1:] if line]
    assert [row[0] for row in rows] == list(words_of(SENTENCES["ar"])[0])
