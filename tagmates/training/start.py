"""What a run starts from: word vectors, a pretrained encoder in their place, or a trained tagger with more tasks."""

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tagmates.batching.vectors import NO_VECTORS, Vectors, find_vectors, load_vectors
from tagmates.config import SHA256_PREFIX, RunConfig, is_encoder_name
from tagmates.data.archive import archive_at, read_header
from tagmates.errors import ConfigError, DataError
from tagmates.model.pretrained import WEIGHTS_FILE, bundled_models, find_model, read_config
from tagmates.model.pretrained_encoder import PretrainedEncoder, load_encoder
from tagmates.model.tagger import Tagger

FREE_SETTINGS = ("character_dropout", "dropout")  # of a model, which a run may choose anew when it goes on from it


@dataclass(frozen=True)
class Start:
    """Word vectors and, if there is one, the pretrained encoder in their place or the tagger that is trained on."""

    vectors: Vectors = NO_VECTORS
    encoder: PretrainedEncoder | None = None
    base: Tagger | None = None
    base_name: str = ""  # of the base, by its content

    @property
    def name(self) -> str:
        """The name of what the run starts from, which does not depend on where that is."""
        return self.base_name or (self.vectors.name if self.encoder is None else self.encoder.name)

    def digest(self, words: Sequence[str]) -> str:
        """A text on which the numbers of a run with these words depend."""
        if self.encoder is not None:
            return self.encoder.digest
        return f"{self.base_name} {self.vectors.digest(words)}" if self.base_name else self.vectors.digest(words)


def find_start(vectors: str, encoder: str, data: str, base: str = "") -> Start:
    """What a run starts from: the tagger ``base``, else the pretrained encoder, else word vectors.

    Names that are empty are not looked for. Raises DataError or ModelError if something is not there, or is not that
    with which the archive ``data`` was packed.
    """
    if base:
        return _from_base(base, vectors)
    if not encoder:
        return Start(find_vectors(vectors, data))
    found = load_encoder(encoder)
    archive = archive_at(data)
    held = "" if archive is None else read_header(archive).vectors
    if is_encoder_name(held) and held != found.name:
        raise DataError(f"{encoder}: is {found.name}, {archive} was packed for {held}; give that one with --encoder")
    return Start(encoder=found)


def start_of(config: RunConfig, data: str, folder: Path | None = None) -> Start:
    """What this run starts from. Raises ConfigError if ``check_base`` does."""
    check_base(config, folder)
    return find_start(config.vectors, config.model.encoder, data, config.base)


def _from_base(base: str, vectors: str) -> Start:
    """The tagger and its vectors, or the ``vectors`` of another name."""
    folder = find_model(base)
    tagger = Tagger.from_pretrained(folder)
    sha = hashlib.sha256()
    for name in (WEIGHTS_FILE, "vocabulary.json"):
        sha.update((folder / name).read_bytes())
    found = tagger.vectors if vectors == tagger.config.vectors else load_vectors(vectors)
    found.check_size(tagger.config.model.word_size)
    return Start(found, None, tagger, f"tagger {SHA256_PREFIX}{sha.hexdigest()}")


def base_settings(base: str, tasks: Sequence[str]) -> dict[str, Any]:
    """The settings that a run of these tasks takes over from the tagger from which it goes on; none without one."""
    if not base:
        return {}
    there = read_config(find_model(base))
    kept = tuple(task for task in there.all_tasks if task not in tasks)
    alone = there.sharing == "stl" and len(tasks) + len(kept) == 1
    return {
        "base": base_path(base),
        "kept": kept,
        "sharing": "multi_dec" if there.sharing == "stl" and not alone else there.sharing,
        "vectors": there.vectors,
        "model": there.model.model_dump(mode="json"),
    }


def base_path(base: str) -> str:
    """The name of a tagger so that it is found from every directory: a folder as an absolute path."""
    return base if base.startswith("hf://") or base in bundled_models() else os.path.abspath(Path(base).expanduser())  # noqa: PTH100


def check_base(config: RunConfig, folder: Path | None = None) -> None:
    """Raise ConfigError if a run changes what it takes over from its base, or if its ``folder`` holds the base."""
    expected = base_settings(config.base, config.tasks)
    if expected and folder is not None and find_model(config.base).resolve().is_relative_to(folder.resolve()):
        raise ConfigError(f"{folder}: holds the tagger to go on from ({config.base}), which must stay; choose another")
    if config.training.freeze == "encoder" and config.vectors != expected.get("vectors"):
        raise ConfigError(
            f"vectors: are {expected.get('vectors')!r} in {config.base}; with a frozen encoder they must stay"
        )
    for key in ("kept", "sharing") if expected else ():
        if getattr(config, key) != expected[key]:
            raise ConfigError(f"{key}: is {expected[key]!r} for these tasks in {config.base}; leave it out")
    for key, value in expected.get("model", {}).items():
        own = config.model.model_dump(mode="json")[key]
        if key not in FREE_SETTINGS and own != value:
            raise ConfigError(f"model.{key}: is {value!r} in {config.base} and cannot be {own!r}; leave it out")
