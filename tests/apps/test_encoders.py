"""Pretrained encoders from the command line: train, tag, evaluate, export, study, pack; and the messages about them."""

import asyncio
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from command_line import done, refused, tagmates, write_corpus
from tiny_encoders import tiny_bert, tiny_roberta

import tagmates as package

FAST = ("--threads", "1", "--set", "training.max_epochs=1", "--set", "training.min_epoch_updates=2")


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with a corpus and an encoder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TAGMATES_CACHE", str(tmp_path / "cache"))
    write_corpus(tmp_path / "corpus")
    tiny_bert(tmp_path / "encoder")
    return tmp_path


def train(place: Path, *more: str, name: str = "run", tasks: str = "pos,ner") -> Path:
    """A finished run on the corpus, started with ``--encoder``."""
    given = ("--data", "corpus", "--encoder", "encoder", *FAST, *more, "--output-dir", name)
    done("train", "--tasks", tasks, *given)
    return place / name


@pytest.mark.parametrize(
    ("sharing", "finetune"),
    [
        ("multi_dec", True),
        ("te_enc", False),
        *(pytest.param(*both, marks=pytest.mark.slow) for both in (("multi_dec", False), ("te_enc", True))),
    ],
)
def test_a_tagger_with_an_encoder_is_used_as_every_tagger(place: Path, sharing: str, finetune: bool) -> None:
    run = train(place, "--sharing", sharing, "--set", f"model.finetune={json.dumps(finetune)}")
    preset = "pretrained" if finetune else "practical"
    config = json.loads((run / "config.json").read_text())
    assert config["training"]["optimizer"] == ("adamw" if preset == "pretrained" else "adam")
    assert config["model"]["encoder"] == str(place / "encoder")
    (place / "encoder").rename(place / "moved")  # a run's folder holds all that its tagger needs
    text = "Otters juggle stones\n"
    tagged = done("tag", run, "-", "--threads", "1", stdin=text.encode()).out
    scores = json.loads(done("evaluate", run, "--json", "--data", "corpus").out)
    done("export", run, "exported")
    done("export", run, "half", "--half")
    names = {path.name for path in (place / "half").iterdir()}
    assert {"config.json", "encoder.json", "tokenizer.json", "model.safetensors", "vocabulary.json"} <= names
    assert done("tag", "exported", "-", "--threads", "1", stdin=text.encode()).out == tagged
    assert json.loads(done("evaluate", "exported", "--json", "--data", "corpus").out)["tasks"] == scores["tasks"]
    done("tag", "half", "-", "--threads", "1", stdin=text.encode())
    assert "pretrained encoder" in (run / "README.md").read_text()


def test_a_folder_that_had_an_encoder_keeps_nothing_of_it(place: Path) -> None:
    run = train(place)
    done("export", run, "exported")
    done("export", "en", "exported", "--force", "--vectors", "1")
    assert not (place / "exported" / "encoder.json").exists()
    assert package.Tagger.from_pretrained(place / "exported").tasks == package.Tagger.from_pretrained("en").tasks


def test_training_goes_on_from_its_last_epoch_to_the_same_bytes(place: Path) -> None:
    two = ("--set", "training.max_epochs=2")
    whole = train(place, *two, name="whole")
    half = place / "half"
    from tagmates.training.loop import EpochEnded
    from tagmates.training.train import train_events

    config = package.RunConfig.model_validate_json((whole / "config.json").read_text())
    for event in train_events(config, half, "corpus", device="cpu"):
        if isinstance(event, EpochEnded):
            break
    done(
        "train", "--data", "corpus", "--config", whole / "config.json", "--resume", "--output-dir", half, "--threads", 1
    )
    for name in ("model.safetensors", "counts.npz"):
        assert (whole / name).read_bytes() == (half / name).read_bytes()


STUDY = """
preset = "pretrained"
data = "corpus"
encoder = "encoder"
seeds = [1]
regimes = ["single", "pair"]
[training]
max_epochs = 1
min_epoch_updates = 2
"""


def test_a_study_with_an_encoder_and_its_pack_elsewhere(place: Path) -> None:
    (place / "s.toml").write_text(STUDY)
    local = ("--engine", "local", "--lanes", "3")  # a run with an encoder is alone all the same
    done("study", "run", "s.toml", *local)
    known = json.loads((place / "runs" / "s" / "study.json").read_text())
    assert known["vectors"].startswith("encoder of sha256 ")
    done("study", "report", "s.toml")
    assert "encoder, fine-tuned" in (place / "runs" / "s" / "report" / "index.html").read_text()
    packed = done("study", "pack", "s.toml", "--output", "s.pack")
    assert "of study s, without the encoder of sha256 " in packed.err
    elsewhere = place / "elsewhere"
    elsewhere.mkdir()
    (place / "encoder").rename(elsewhere / "copy")
    done("study", "pack", "s.toml", "--encoder", elsewhere / "copy", "--output", "again.pack")
    for study in (("s.toml",), ("--packed", "again.pack")):
        planned = done("study", "plan", *study, "--encoder", elsewhere / "copy", "--output-dir", "new", "--json").out
        assert json.loads(planned)["total"]["planned"] == len(list((place / "runs" / "s" / "runs").iterdir()))
    refused = tagmates("study", "run", "--packed", "s.pack", *local, "--output-dir", "other")
    assert refused.code == 1
    assert "with --encoder" in refused.err
    tiny_bert(elsewhere / "wrong", seed=7)
    wrong = tagmates(
        "study", "run", "--packed", "s.pack", *local, "--encoder", elsewhere / "wrong", "--output-dir", "wrong"
    )
    assert wrong.code == 1
    assert "was packed for" in wrong.err
    done("study", "run", "--packed", "s.pack", *local, "--encoder", elsewhere / "copy", "--output-dir", "other")
    for run in (place / "runs" / "s" / "runs").iterdir():
        ours, theirs = (
            (root / run.name / "counts.npz").read_bytes() for root in (run.parent, place / "other" / "runs")
        )
        assert ours == theirs


def test_a_roberta_trains_too(place: Path) -> None:
    shutil.rmtree(place / "encoder")
    tiny_roberta(place / "encoder")
    train(place, "--sharing", "te_enc")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--encoder", "nowhere"), "nowhere: is no pretrained encoder"),
        (("--preset", "pretrained"), "give --encoder"),
        (
            ("--encoder", "encoder", "--set", "model.finetune=false", "--preset", "pretrained"),
            "choose preset practical",
        ),
        (("--encoder", "corpus"), "is no pretrained encoder"),
        (("--encoder", "json"), "json: is no pretrained encoder"),
    ],
)
def test_mistakes_are_one_line(place: Path, options: tuple[str, ...], message: str) -> None:
    found = tagmates("train", "--tasks", "pos", "--data", "corpus", *options, "--sharing", "stl", "--output-dir", "x")
    assert found.code in (1, 2)
    assert message in found.err
    assert "Traceback" not in found.err


def test_a_run_does_not_go_on_with_another_encoder(place: Path) -> None:
    run = train(place)
    (run / "result.json").unlink()
    shutil.rmtree("encoder")
    tiny_bert(place / "encoder", seed=2)
    options = ("--tasks", "pos,ner", "--data", "corpus", "--encoder", "encoder", *FAST, "--output-dir", run, "--resume")
    refused(2, "started with other data or encoder than now .*; give the same as then", "train", *options)


def test_without_the_extra_one_line_says_how_to_get_it(place: Path) -> None:
    hide = "import sys; sys.modules['transformers'] = None; sys.modules['tokenizers'] = None; "
    command = [sys.executable, "-c", hide + "from tagmates.apps.cli import main; main()"]
    options = ["train", "--tasks", "pos", "--data", "corpus", "--sharing", "stl", "--encoder", "encoder"]
    ended = subprocess.run([*command, *options, "--output-dir", "x"], capture_output=True, text=True)
    assert ended.returncode == 1
    (line,) = ended.stderr.strip().splitlines()
    assert "needs the package" in line
    assert "transformers]" in line


@pytest.mark.slow
@pytest.mark.parametrize("finetune", [True, False])
def test_workers_the_service_and_spacy_tag_as_the_tagger_does(place: Path, finetune: bool) -> None:
    import httpx
    import spacy

    from tagmates.serve.service import create_service
    from tagmates.serve.settings import Limits

    run = train(place, "--set", f"model.finetune={json.dumps(finetune)}")
    tagger = package.Tagger.from_pretrained(run)
    sentences = [["Otters", "juggle", "stones", "."]] * 30 + [["Mika"], ["fog", "in", "Vardo"]]
    (place / "big.txt").write_text("".join("\n".join(words) + "\n\n" for words in sentences))
    expected = [{task: list(tags) for task, tags in tagged.tags.items()} for tagged in tagger.tag(sentences)]
    options = ("--input", "conll", "--output", "json", "--output-file", "out.json", "--workers", "2")
    done("tag", run, "big.txt", *options)
    rows = [json.loads(line) for line in (place / "out.json").read_text().splitlines()]
    assert [row["tags"] for row in rows] == expected

    async def ask() -> object:
        service = create_service({"run": tagger}, Limits())
        transport = httpx.ASGITransport(service)
        async with (
            service.router.lifespan_context(service),
            httpx.AsyncClient(transport=transport, base_url="http://localhost:8000", timeout=None) as client,
        ):
            return (await client.post("/api/tag", json={"words": [sentences[0]], "model": "run"})).json()

    answer = asyncio.run(ask())
    assert isinstance(answer, dict)
    assert answer["documents"][0]["sentences"][0]["tags"] == expected[0]
    nlp = spacy.blank("en")
    component = nlp.add_pipe("tagmates", config={"model": str(run)})
    document = component(spacy.tokens.Doc(nlp.vocab, words=sentences[0]))
    component.to_disk(place / "component")
    assert (place / "component" / "encoder.json").exists()
    assert len(document) == 4
