"""Random draws that depend only on seed and purpose, so that other runs and resuming cannot change them."""

import hashlib

import torch


def generator(seed: int, purpose: str, *index: int) -> torch.Generator:
    """A CPU generator for one purpose at one point of a run, such as ``generator(seed, "dropout", epoch, step)``.

    Equal arguments give equal draws on every machine. The global generator is neither used nor changed.
    """
    key = "/".join([str(seed), purpose, *map(str, index)]).encode()
    number = int.from_bytes(hashlib.blake2b(key, digest_size=8).digest(), "big")
    return torch.Generator().manual_seed(number >> 1)
