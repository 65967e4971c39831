"""Files → sentences: formats, tag schemes, tasks, corpora, and their checks and statistics."""
