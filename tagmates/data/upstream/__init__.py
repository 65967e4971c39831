"""Fetch the published files of the paper's eleven tasks and convert them, for ``data fetch``."""
