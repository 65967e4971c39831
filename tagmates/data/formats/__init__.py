"""Readers of files, format by format → ``Sentence``; and column files back."""
