"""The identity of a tagger: work that was begun with another one is not continued."""

import hashlib
import json
from typing import Any

from tagmates.batching.vectors import name_vectors
from tagmates.model.encoders import encoder_files
from tagmates.model.tagger import Tagger


def identity(tagger: Tagger) -> str:
    """The sha256 of everything that decides a tagger's tags: vocabulary, sub-words, sharing, weights and vectors."""
    known: dict[str, Any] = {"vocabulary": tagger.vocabulary.to_json(), "sharing": tagger.config.sharing}
    encoder = encoder_files(tagger.module)
    if encoder is not None:
        known |= {"encoder": encoder, "pooling": tagger.config.model.pooling}
    found = hashlib.sha256(json.dumps(known, sort_keys=True).encode())
    for name, parameter in sorted(tagger.module.tensors().items()):
        found.update(name.encode() + parameter.detach().cpu().numpy().tobytes())
    return hashlib.sha256(found.digest() + name_vectors(tagger.vectors.source).encode()).hexdigest()
