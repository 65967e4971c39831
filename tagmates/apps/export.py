"""The command that makes a run into a model to give away: export."""

import os
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from rich.filesize import decimal

from tagmates.apps.shared import Model, say
from tagmates.errors import ConfigError, DataError
from tagmates.files import write_atomically
from tagmates.model.pretrained import content_of, find_model
from tagmates.model.tagger import Tagger

MOST_BYTES = 2**24  # of a card, or of a result
GOES_ALONG = ("result.json", "README.md", "LICENSE")


def export(
    run: Model,
    folder: Annotated[Path, Parameter(help="The folder to make; empty, or --force.")],
    /,
    *,
    vectors: Annotated[
        str, Parameter(help="How many vectors of words that training never saw go along, or 'all'.")
    ] = "50000",
    half: Annotated[bool, Parameter(negative="", help="Numbers of 16 bits: half the size.")] = False,
    card: Annotated[
        Path | None, Parameter(help="A text (Markdown) to put before the run's own card: data, licence, use.")
    ] = None,
    force: Annotated[bool, Parameter(negative="", help="Overwrite the model that is in the folder.")] = False,
) -> None:
    """Make a folder with all that a tagger needs and nothing else, to be used anywhere or given away.

    It holds the settings, the vocabulary, the weights, vectors of the most frequent words that training never saw (so
    GloVe need not be there), the scores and a card. Its name can stand wherever a run's folder can.

    Example: tagmates export runs/a my-tagger --half
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())) and not force:
        raise ConfigError(f"{folder}: is not empty; overwrite it with --force, or choose another")
    if vectors != "all" and not vectors.isdecimal():
        raise ConfigError(f"--vectors {vectors}: give a number, or 'all'")
    origin = find_model(run)
    tagger = Tagger.from_pretrained(origin)
    texts = {name: content_of(origin / name, MOST_BYTES) for name in GOES_ALONG if os.path.lexists(origin / name)}
    if card is not None:
        try:
            texts["README.md"] = card.read_bytes() + b"\n" + texts.get("README.md", b"")
        except OSError as error:
            raise DataError(f"{card}: cannot be read ({error.strerror}); give a text file") from None
    tagger.save_pretrained(folder, half=half, vectors=len(tagger.vectors.index) if vectors == "all" else int(vectors))
    for name in GOES_ALONG:  # those of another model that was there
        (folder / name).unlink(missing_ok=True)
    for name, text in texts.items():
        write_atomically(folder / name, text)
    size = sum(path.stat().st_size for path in folder.iterdir())
    say(f"{folder}: {decimal(size)}; use it as in: tagmates tag {folder}")
