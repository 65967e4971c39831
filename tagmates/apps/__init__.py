"""The command line, and the component for spaCy."""
