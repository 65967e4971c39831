"""Readers: files of each format → ``Sentence``. Column files can also be written."""
