"""Studies: many runs that are planned, trained and compared."""
