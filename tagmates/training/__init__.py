"""From a configuration to a run folder: preparation, loop, schedule, scores, checkpoint and result."""
