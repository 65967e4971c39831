"""Experiment trackers: they are given the numbers of runs, during training or afterwards."""
