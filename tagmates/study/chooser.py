"""What one more training is worth: its knowledge gradient.

The advice for a task is the set of helpers with the highest expected gain, or none. After one more training the
expectations move, and the best of them is then higher on average than the best of today. That difference, summed over
the tasks of the training, is what it is worth, in points of F1 (Frazier, Powell and Dayanik, 2009).
"""

from collections.abc import Mapping, Sequence

import numpy as np
from scipy import special

from tagmates.study.gains import TaskGains

# values of a standard normal variable, each as likely as the others: the middles of 100 slices of its distribution
_NORMAL = special.ndtri((np.arange(100) + 0.5) / 100)


def value_of_training(gains: Mapping[str, TaskGains], tasks: Sequence[str]) -> float:
    """What a training of these tasks, with one more seed, is worth."""
    total = 0.0
    for task in tasks:
        known = gains[task]
        means, move = known.means(), known.move(frozenset(tasks) - {task})
        then = (means[:, None] + move[:, None] * _NORMAL).max(0).mean()
        total += float(then - means.max())
    return total
