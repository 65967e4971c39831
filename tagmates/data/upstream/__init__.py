"""From what was published to the paper's eleven tasks: where the files are, how they are fetched and converted."""
