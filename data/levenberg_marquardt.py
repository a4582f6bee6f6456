"""Levenberg-Marquardt steps for small networks, with the damping of Nielsen."""
import numpy as np
import scipy.linalg


class LevenbergMarquardt:
    def __init__(self, damping, least):
        self.damping, self.least, self.grow = damping, least, 2.0

    def step(self, theta, equations, loss):
        """One accepted step down; `equations` are loss, J^T r and J^T J at theta.

        Returns the new parameters and their loss, or None where no step helps.
        """
        size, slope, curvature = (np.asarray(e) for e in equations)
        while self.damping < 1e6:
            damped = curvature.copy()
            damped[np.diag_indices_from(damped)] += self.damping
            factor = scipy.linalg.cho_factor(damped, overwrite_a=True, check_finite=False)
            move = -scipy.linalg.cho_solve(factor, slope, check_finite=False)
            gain = float(size - loss(theta + move))
            if gain > 0:
                ratio = gain / float(move @ (self.damping * move - slope))
                self.damping *= max(1 / 3, 1 - (2 * min(ratio, 1.5) - 1) ** 3)
                self.damping, self.grow = max(self.damping, self.least), 2.0
                return theta + move, float(size) - gain
            self.damping, self.grow = self.damping * self.grow, 2 * self.grow
        return None
