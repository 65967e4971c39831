"""Sentences → tensors: vocabulary, vectors, corpus, sampling, batches and their packed layout."""
