"""Describe unknown files as tasks in TOML, for ``data init``."""
