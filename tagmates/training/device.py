"""The device to compute on."""

import torch

from tagmates.errors import ConfigError


def choose_device(device: str) -> str:
    """``cpu`` or ``cuda``; ``auto`` takes a GPU if there is one. ConfigError for anything else."""
    if device not in ("auto", "cpu", "cuda"):
        raise ConfigError(f"--device {device}: choose auto, cpu or cuda")
    if device == "cuda" and not torch.cuda.is_available():
        raise ConfigError("--device cuda: torch finds no GPU here; use --device cpu")
    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    return device
