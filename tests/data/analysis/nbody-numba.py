from numba import njit
import numpy as np


@njit
def simulate(positions, velocity, steps):
    for _ in range(steps):
        positions += velocity
    return positions


print(simulate(np.zeros((100, 3)), np.ones((100, 3)), 1000))
