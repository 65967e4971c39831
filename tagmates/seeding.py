"""Random draws as functions of what they are for, so that company, refilling and resuming cannot change one."""

import hashlib

import torch


def generator(seed: int, purpose: str, *index: int) -> torch.Generator:
    """A CPU generator for one purpose at one point of a run, e.g. ``generator(seed, "dropout", epoch, step)``.

    Equal arguments give equal draws on every machine; the global generator is neither read nor changed.
    """
    key = "/".join([str(seed), purpose, *map(str, index)]).encode()
    number = int.from_bytes(hashlib.blake2b(key, digest_size=8).digest(), "big")
    return torch.Generator().manual_seed(number >> 1)
