"""Linear time-invariant systems: `golden/state_space.json`.

- `discretise`: scipy.signal.cont2discrete, `zoh` and `bilinear` (of the latter A and B only: scipy
  changes C and D too, state-space layers do not), a singular A among them.
- `exponential`: scipy.linalg.expm.
- `kernels`: K_l = C A^l B by a loop over dense powers, for HiPPO-LegS under both rules.
- `companion`: the same for companion matrices, also through scipy.signal.lfilter.
- `gramians`: scipy.linalg.solve_continuous_lyapunov and solve_discrete_lyapunov.
"""

import golden_json  # first: it fixes the number of threads

import numpy as np
from scipy.linalg import expm, solve_continuous_lyapunov, solve_discrete_lyapunov
from scipy.signal import cont2discrete, lfilter

TOLERANCE = 1e-9


def legs(state):
    n = np.arange(state)
    root = np.sqrt(2 * n + 1.0)
    return -np.tril(np.outer(root, root), -1) - np.diag(n + 1.0), root


def draw(seed, *shape):
    """Reproducible numbers with few digits, so that the file stays small."""
    return np.round(np.random.default_rng(seed).normal(size=shape), 3)


def flat(matrix):
    return np.asarray(matrix).ravel().tolist()


def sampled(a, b, dt, rule):
    system = (a, b.reshape(len(a), -1), np.zeros((1, len(a))), np.zeros((1, b.size // len(a))))
    return cont2discrete(system, dt, rule)[:2]


def discretised():
    integrators = np.diag(np.ones(3), 1)  # nilpotent: singular, but the hold is a polynomial
    rank_one = np.outer(draw(1, 5), draw(2, 5))
    table = [
        ("legs", *legs(8), 0.05),
        ("legs", *legs(8), 1.0),
        ("integrators", integrators, draw(3, 4), 0.7),
        ("rank_one", rank_one, draw(4, 5, 2), 0.3),
        ("random", draw(5, 6, 6), draw(6, 6), 0.1),
        ("scalar", np.array([[-2.0]]), np.array([3.0]), 0.5),
    ]
    for name, a, b, dt in table:
        case = {"name": name, "state": len(a), "a": flat(a), "b": flat(b), "dt": dt}
        for rule in ("zoh", "bilinear"):
            ad, bd = sampled(a, b, dt, rule)
            case |= {f"{rule}_a": flat(ad), f"{rule}_b": flat(bd)}
        yield case


def exponentials():
    table = [draw(7, 6, 6), 8 * draw(8, 5, 5), 1e-3 * draw(9, 4, 4), 3 * legs(8)[0]]
    table.append(np.triu(40 * draw(10, 4, 4), 1) - np.diag([1.0, 2.0, 3.0, 4.0]))
    for a in table:
        yield {"state": len(a), "a": flat(a), "exponential": flat(expm(a))}


def powers(a, b, c, length):
    kernel, state = [], b
    for _ in range(length):
        kernel.append(float(c @ state))
        state = a @ state
    return kernel


def kernels():
    for state, length, dt in ((4, 6, 0.1), (16, 37, 0.02), (32, 64, 0.005), (2, 1, 1.0)):
        a, b = legs(state)
        c = draw(state, state)
        case = {"state": state, "length": length, "dt": dt, "c": flat(c)}
        for rule in ("zoh", "bilinear"):
            ad, bd = sampled(a, b, dt, rule)
            case[rule] = powers(ad, bd[:, 0], c, length)
        yield case


def companions():
    for order, length in ((1, 5), (4, 8), (16, 64), (25, 9), (7, 8), (64, 101)):
        column = draw(100 + order, order)
        column = column / np.abs(column).sum()
        b, c = draw(200 + order, order), draw(300 + order, order)
        a = np.diag(np.ones(order - 1), -1)
        a[:, -1] += column
        kernel = powers(a, b, c, length)
        # The same through a rational transfer function: the denominator is the reversed
        # characteristic polynomial, the numerator follows from the first `order` lags.
        denominator = np.concatenate(([1.0], -column[::-1]))
        head = powers(a, b, c, order)
        numerator = np.convolve(denominator, head)[:order]
        impulse = np.zeros(length)
        impulse[0] = 1.0
        assert np.abs(lfilter(numerator, denominator, impulse) - kernel).max() < 1e-10
        yield {"order": order, "a": flat(column), "b": flat(b), "c": flat(c), "kernel": kernel}


def gramians():
    for state, dt in ((4, 0.1), (8, 0.05)):
        a, b = legs(state)
        ad, bd = sampled(a, b, dt, "bilinear")
        yield {
            "state": state,
            "dt": dt,
            "continuous": flat(solve_continuous_lyapunov(a, -np.outer(b, b))),
            "bilinear": flat(solve_discrete_lyapunov(ad, bd @ bd.T)),
        }


if __name__ == "__main__":
    cases = {
        "discretise": list(discretised()),
        "exponential": list(exponentials()),
        "kernels": list(kernels()),
        "companion": list(companions()),
        "gramians": list(gramians()),
    }
    golden_json.run("state_space", "oracles/state_space.py", cases, TOLERANCE)
