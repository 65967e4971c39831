"""Many trainings, planned, run and compared."""
