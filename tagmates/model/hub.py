"""Models on the Hugging Face Hub: ``hf://user/name``, or ``hf://user/name@revision``.

A downloaded model is kept in the folder ``hub`` of tagmates' cache, under its commit. A file beside it notes the commit
that a branch or tag had at the last request, for use without a network.
"""

import logging
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

from tagmates.errors import ConfigError, DiskError, ModelError
from tagmates.failures import first_line, what_to_do
from tagmates.files import write_atomically
from tagmates.installed import get_extra
from tagmates.private_folders import cache_folder, is_private, keep_private, make_private

log = logging.getLogger("tagmates")

MAX_BYTES = 2**31  # of all files of a model of tagmates together
MAX_ENCODER_BYTES = 2**34  # of all files of a pretrained encoder together
TIMEOUT = 30.0  # seconds to wait for an answer
_PART = r"\w(?:[\w.-]{0,94}\w)?"
_NAME = re.compile(rf"hf://(?P<repo>{_PART}/{_PART})(?:@(?P<revision>[\w./-]{{1,200}}))?", re.ASCII)
_COMMIT = re.compile("[0-9a-f]{40}")


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of model: the files that it must have, all that are downloaded, and the folder of the cache for it."""

    noun: str
    required: tuple[str, ...]
    files: tuple[str, ...]  # as patterns
    cache: str


_REQUIRED = ("config.json", "vocabulary.json", "model.safetensors")
TAGGER_FILES = Kind(
    "tagmates model",
    _REQUIRED,
    (*_REQUIRED, "vectors.safetensors", "encoder.json", "tokenizer.json", "README.md", "LICENSE", "result.json"),
    "hub",
)
_TOKENIZER_FILES = (
    "tokenizer*.json",
    "vocab.*",
    "merges.txt",
    "special_tokens_map.json",
    "added_tokens.json",
    "*.model",
)
ENCODER_FILES = Kind(
    "pretrained encoder", ("config.json",), ("config.json", *_TOKENIZER_FILES, "model*.safetensors*"), "encoders"
)


class _UnreachableError(ModelError):
    """The hub does not answer at present."""


def download_encoder(name: str) -> Path:
    """The folder of the pretrained encoder ``hf://user/name[@revision]`` in tagmates' cache; see ``download_model``.

    Only its configuration, tokenizer and weights (as safetensors) are downloaded.
    """
    return _download_kind(name, ENCODER_FILES, MAX_ENCODER_BYTES)


def download_model(name: str, *, max_bytes: int = MAX_BYTES) -> Path:
    """The folder of the model ``hf://user/name[@revision]`` in tagmates' cache, into which it is downloaded if needed.

    Only the files of a model are downloaded. No request is made for a commit that is in the cache. If the hub cannot be
    reached (or with ``HF_HUB_OFFLINE=1``), a branch or tag stands for the commit that it had at the last request.
    Raises ConfigError for an impossible name, ModelError for a model that is not available, is not from tagmates or has
    more than ``max_bytes``, and DiskError if it cannot be written.
    """
    return _download_kind(name, TAGGER_FILES, max_bytes)


def _download_kind(name: str, kind: Kind, max_bytes: int) -> Path:
    match = _NAME.fullmatch(name)
    if match is None or "--" in match["repo"] or ".." in match["repo"]:
        raise ConfigError(f"{name}: names no model on the hub; write hf://user/name or hf://user/name@revision")
    repo, revision = match["repo"], match["revision"] or "main"
    models = cache_folder() / kind.cache / repo
    if _COMMIT.fullmatch(revision) and _is_here(models / revision):
        return models / revision
    last = models / f"{quote(revision, safe='')}.commit"
    try:
        with _hub_errors(name, revision):
            commit, sizes = _ask(name, repo, revision, kind, max_bytes)
            if not _is_here(models / commit):
                _download(name, repo, models / commit, sizes)
    except _UnreachableError as error:
        commit = last.read_text("ascii", "replace") if last.is_file() and is_private(last) else ""
        if not _COMMIT.fullmatch(commit) or not _is_here(models / commit):
            raise ModelError(f"{error}, and it is not in the cache; try again when it can") from None
        log.warning("%s; taken from the cache, as of commit %s", error, commit[:8])
        return models / commit
    write_atomically(last, commit.encode())
    keep_private(last)
    return models / commit


def _is_here(folder: Path) -> bool:
    """Whether the folder holds a downloaded model. Raises ModelError if other users could have changed it."""
    if not folder.is_dir():
        return False
    if not all(map(is_private, (folder, *folder.iterdir()))):
        raise ModelError(f"{folder}: other users can change this model; delete the folder, and it is downloaded again")
    return True


def _ask(name: str, repo: str, revision: str, kind: Kind, max_bytes: int) -> tuple[str, dict[str, int]]:
    """The commit of a revision, and the sizes of its files; ModelError if it is not of this kind."""
    from huggingface_hub import HfApi  # noqa: PLC0415  (an extra)

    info = HfApi().model_info(repo, revision=revision, files_metadata=True, timeout=TIMEOUT)
    sizes = {
        file.rfilename: int(file.size or 0)
        for file in info.siblings or ()
        if any(fnmatchcase(file.rfilename, pattern) for pattern in kind.files) and "/" not in file.rfilename
    }
    for file in kind.required:
        if file not in sizes:
            raise ModelError(f"{name}: is no {kind.noun} (it has no {file}); choose another")
    if kind is ENCODER_FILES and not any(file.endswith(".safetensors") for file in sizes):
        raise ModelError(f"{name}: has no weights as safetensors; choose another encoder")
    if sum(sizes.values()) > max_bytes:
        raise ModelError(f"{name}: has {sum(sizes.values()):,} bytes, more than {max_bytes:,}; choose another model")
    if not _COMMIT.fullmatch(info.sha or ""):
        raise ValueError("no commit")
    return str(info.sha), sizes


def _download(name: str, repo: str, folder: Path, sizes: Mapping[str, int]) -> None:
    """Download these files beside ``folder``, and rename that when all are complete."""
    from huggingface_hub import hf_hub_download  # noqa: PLC0415
    from huggingface_hub.utils.tqdm import tqdm  # noqa: PLC0415

    silent: Any = partial(tqdm, disable=True)
    beside = folder.with_name(f".{folder.name}.{os.getpid()}")
    make_private(folder.parent)
    try:
        beside.mkdir(mode=0o700)
        for file, size in sizes.items():
            path = Path(
                hf_hub_download(
                    repo, file, revision=folder.name, local_dir=beside, etag_timeout=TIMEOUT, tqdm_class=silent
                )
            )
            if path.is_symlink() or path.stat().st_size != size:
                raise ModelError(f"{name}: {file} came otherwise than the hub had said; try again")
            keep_private(path)
        shutil.rmtree(beside / ".cache", ignore_errors=True)  # huggingface_hub's notes
        try:
            beside.rename(folder)
        except OSError:
            if not folder.is_dir():  # else another process was faster
                raise
    finally:
        shutil.rmtree(beside, ignore_errors=True)


@contextmanager
def _hub_errors(name: str, revision: str) -> Iterator[None]:
    """Raise errors of huggingface_hub as errors of tagmates, in one line."""
    try:
        from httpx2 import HTTPError  # noqa: PLC0415
        from huggingface_hub import errors  # noqa: PLC0415
    except ImportError:
        raise ModelError(f"{name}: needs the package huggingface_hub: {get_extra('hub')}") from None
    try:
        yield
    except errors.GatedRepoError:
        raise ModelError(f"{name}: its owners want to be asked first; do so on its page, then: hf auth login") from None
    except errors.RepositoryNotFoundError:
        raise ModelError(f"{name}: is not on the hub; check its name or, if it is private: hf auth login") from None
    except errors.RevisionNotFoundError:
        raise ModelError(f"{name}: has no revision {revision!r}; name a branch, tag or commit of it") from None
    except (HTTPError, errors.OfflineModeIsEnabled, errors.LocalEntryNotFoundError, errors.FileMetadataError) as error:
        raise _UnreachableError(f"{name}: the hub cannot be reached ({first_line(error)})") from None
    except OSError as error:
        if error.errno is None:  # huggingface_hub's own, of a transfer that went wrong
            raise _UnreachableError(f"{name}: the hub cannot be reached ({error})") from None
        where = error.filename or cache_folder()
        raise DiskError(f"{where}: {error.strerror}; {what_to_do(error)}, then try again") from None
    except (ValueError, TypeError, KeyError):
        raise _UnreachableError(f"{name}: the hub cannot be reached (something else answers in its place)") from None
