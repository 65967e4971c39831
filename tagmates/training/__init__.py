"""From a configuration to a run folder: loop, schedule, scores, checkpoints."""
