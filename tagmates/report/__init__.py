"""A compared study as tables, figures, findings and a page."""
