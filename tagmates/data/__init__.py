"""Text to sentences to numbers: formats, tasks, vocabularies, vectors, batches."""
