"""Much text, tagged: read in chunks, tagged by workers, written so that it can be resumed."""
