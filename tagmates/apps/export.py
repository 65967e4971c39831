"""The command ``export``, which makes a folder of a model from a run."""

import os
import re
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from rich.filesize import decimal

from tagmates.apps.shared import Flag, Model, say
from tagmates.errors import ConfigError, DataError
from tagmates.files import write_atomically
from tagmates.model.pretrained import MAX_TEXT_BYTES, MODEL_FILES, check_model_folder, content_of, find_model
from tagmates.model.tagger import Tagger

ONNX_FILES = ("model.onnx", "words.npy", "crf.npz", "onnx.json")
USAGE = re.compile(rb"```python\nimport tagmates\n.*?```", re.DOTALL)  # in a card
ONNX_USAGE = b"It is read with ONNX Runtime, as docs/onnx.md of tagmates shows."
COPIED_FILES = ("result.json", "README.md", "LICENSE")


def export(
    model: Model,
    folder: Annotated[Path, Parameter(help="The new folder; it must be empty without --force.")],
    /,
    *,
    vectors: Annotated[
        str, Parameter(help="Number of vectors to include for words that were not in training, or 'all'.")
    ] = "50000",
    task: Annotated[
        str | None,
        Parameter(help="Take the weights of this task's best epoch, from a run with training.weights=best_per_task."),
    ] = None,
    half: Annotated[bool, Flag(help="Store numbers of 16 bits, which halves the size.")] = False,
    onnx: Annotated[
        bool,
        Flag(help="Write files for ONNX Runtime instead, for programs without torch and tagmates (docs/onnx.md)."),
    ] = False,
    card: Annotated[
        Path | None, Parameter(help="A Markdown text on data, licence and use, to put before the run's own card.")
    ] = None,
    force: Annotated[bool, Flag(help="Overwrite the model in the folder.")] = False,
) -> None:
    """Make a folder that has all that a tagger needs and nothing else, to use it elsewhere or to give it away.

    It contains the settings, the vocabulary, the weights, vectors of the most frequent words that were not in training
    (so that GloVe is not needed), the scores and a card. It can be used wherever the folder of a run can. With
    --onnx, it is for other programs, as docs/onnx.md explains.

    Example: tagmates export runs/a my-tagger --half

    Example: tagmates export runs/a my-tagger --onnx
    """
    if onnx and half:
        raise ConfigError("--onnx and --half: choose one; the files for ONNX Runtime hold numbers of 32 bits")
    if vectors != "all" and not vectors.isdecimal():
        raise ConfigError(f"--vectors {vectors}: give a number, or 'all'")
    origin = find_model(model)
    _check_target(folder, origin, force=force)
    tagger = Tagger.from_pretrained(origin, task=task)
    texts = {name: content_of(origin / name, MAX_TEXT_BYTES) for name in COPIED_FILES if os.path.lexists(origin / name)}
    if card is not None:
        try:
            texts["README.md"] = card.read_bytes() + b"\n" + texts.get("README.md", b"")
        except OSError as error:
            raise DataError(f"{card}: cannot be read ({error.strerror}); give a text file") from None
    if onnx and "README.md" in texts:
        texts["README.md"] = USAGE.sub(ONNX_USAGE, texts["README.md"])
    number = len(tagger.vectors.index) if vectors == "all" else int(vectors)
    if onnx:
        from tagmates.model.onnx_export import write_onnx  # noqa: PLC0415  (an extra)

        write_onnx(folder, tagger, number)
    else:
        tagger.save_pretrained(folder, half=half, vectors=number)
    for name in (*COPIED_FILES, *(MODEL_FILES if onnx else ONNX_FILES)):  # those of another model that was there
        (folder / name).unlink(missing_ok=True)
    for name, text in texts.items():
        write_atomically(folder / name, text)
    size = sum(path.stat().st_size for path in folder.iterdir())
    say(f"{folder}: {decimal(size)}; to use it: {'see docs/onnx.md' if onnx else f'tagmates tag {folder}'}")


def _check_target(folder: Path, origin: Path, *, force: bool) -> None:
    """Raise ConfigError unless a model can be written into ``folder`` without losing anything but another export."""
    if not folder.exists():
        return
    if not folder.is_dir():
        raise ConfigError(f"{folder}: is a file; name a new folder")
    if origin.resolve() == folder.resolve():
        raise ConfigError(f"{folder}: is the model that is exported, which must stay; name another folder")
    check_model_folder(folder)
    if any(folder.iterdir()) and not force:
        raise ConfigError(f"{folder}: is not empty; overwrite it with --force, or choose another")
