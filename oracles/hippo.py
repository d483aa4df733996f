"""HiPPO matrices by numerical quadrature of their bases: `golden/hippo.json`.

Nothing here knows a closed formula of A. The state is x_n(t) = int K_n(tau) u(t - tau) dtau with
K_n = p_n omega, so that

    x_n' = K_n(0) u(t) - K_n(end) u(t - end) + int K_n'(tau) u(t - tau) dtau

and A follows by writing the past as u(t - tau) = sum_k x_k p_k(tau) and integrating on Gauss nodes.
At the far end T of a window the past is read off the same sum: u(t - T) = sum_k p_k(T) x_k, and for
fout, whose series converges to the mean of both ends there, u(t - T) = 2 sum_k p_k(T) x_k - u(t).

Also: Gram matrices under the measure, scipy.linalg.expm kernels against scipy.special.eval_legendre,
the eigenvalues of the normal part of LegS (numpy.linalg.eigvalsh), and the distance of LegS to
instability by minimising the smallest singular value over the frequency.
"""

import golden_json  # first: it fixes the number of threads

import numpy as np
from scipy.linalg import expm
from scipy.optimize import minimize_scalar
from scipy.special import eval_laguerre, eval_legendre

TOLERANCE = 1e-9
NODES = 200


def legendre_rule(low, high):
    x, w = np.polynomial.legendre.leggauss(NODES)
    return low + (high - low) * (x + 1) / 2, w * (high - low) / 2


def legendre(n, x):
    """sqrt(2n+1) P_n and its derivative."""
    series = np.polynomial.legendre.Legendre.basis(n) * np.sqrt(2 * n + 1)
    return series(x), series.deriv()(x)


def legs(state):
    # In x = 2 exp(-tau) - 1: dtau = -dx / (1 + x), omega = (1 + x) / 2.
    x, w = legendre_rule(-1.0, 1.0)
    p = [legendre(n, x) for n in range(state)]
    kernel_slope = [-(1 + x) * (d * (1 + x) / 2 + v / 2) for v, d in p]
    a = [[np.sum(w / (1 + x) * kernel_slope[n] * p[k][0]) for k in range(state)] for n in range(state)]
    b = [legendre(n, np.ones(1))[0][0] for n in range(state)]
    gram = [[np.sum(w / 2 * p[n][0] * p[k][0]) for k in range(state)] for n in range(state)]
    return a, b, gram


def lagt(state):
    # p_n = exp(-tau / 2) L_n, omega = 1; products carry exp(-tau), the weight of the rule.
    x, w = np.polynomial.laguerre.laggauss(60)
    series = [np.polynomial.laguerre.Laguerre.basis(n) for n in range(state)]
    slope = [s.deriv()(x) - s(x) / 2 for s in series]
    a = [[np.sum(w * slope[n] * series[k](x)) for k in range(state)] for n in range(state)]
    b = [eval_laguerre(n, 0.0) for n in range(state)]
    gram = [[np.sum(w * series[n](x) * series[k](x)) for k in range(state)] for n in range(state)]
    return a, b, gram


def harmonics(state, tau, frequency):
    """The Fourier basis and its derivative; element 1 is the sine of frequency zero."""
    values, slopes = [], []
    for m in range(state // 2):
        scale, w = (1.0 if m == 0 else np.sqrt(2.0)), frequency * m
        values += [scale * np.cos(w * tau), scale * np.sin(w * tau)]
        slopes += [-scale * w * np.sin(w * tau), scale * w * np.cos(w * tau)]
    return values, slopes


def windowed(state, window, basis, far, near):
    """Uniform measure on a window; u(t - window) = far * sum_k p_k x_k - (near - 1) * u(t)."""
    tau, w = legendre_rule(0.0, window)
    values, slopes = basis(tau)
    start, end = ([v[0] for v in basis(np.array([at]))[0]] for at in (0.0, window))
    a = [
        [(np.sum(w * slopes[n] * values[k]) - far * end[n] * end[k]) / window for k in range(state)]
        for n in range(state)
    ]
    b = [(start[n] + (near - 1) * end[n]) / window for n in range(state)]
    gram = [[np.sum(w * values[n] * values[k]) / window for k in range(state)] for n in range(state)]
    return a, b, gram


def legt(state, window):
    def basis(tau):
        pairs = [legendre(n, 1 - 2 * tau / window) for n in range(state)]
        return [v for v, _ in pairs], [-2 / window * d for _, d in pairs]

    return windowed(state, window, basis, far=1, near=1)


def fourier(state, window, far):
    def basis(tau):
        return harmonics(state, tau, 2 * np.pi / window)

    return windowed(state, window, basis, far, far)


def foud(state):
    # K_n = exp(-tau/2) p_n over all periods: a geometric series of one period's integral.
    tau, w = legendre_rule(0.0, 1.0)
    values, slopes = harmonics(state, tau, 2 * np.pi)
    w = w * np.exp(-tau / 2) / (1 - np.exp(-0.5))
    gram = np.array([[np.sum(w * v * u) for u in values] for v in values])
    moved = np.array([[np.sum(w * (s - v / 2) * u) for u in values] for v, s in zip(values, slopes)])
    driven = [i for i in range(state) if i != 1]  # the Gram matrix is singular in element 1
    a = np.zeros((state, state))
    a[np.ix_(driven, driven)] = np.linalg.solve(
        gram[np.ix_(driven, driven)].T, moved[np.ix_(driven, driven)].T
    ).T
    return a.tolist(), [v[0] for v in harmonics(state, np.zeros(1), 0.0)[0]], gram.tolist()


def families():
    state = 8
    table = [
        ("legs", None, legs(state)),
        ("lagt", None, lagt(state)),
        ("legt", 2.0, legt(state, 2.0)),
        ("legt", 1.0, legt(state, 1.0)),
        ("fout", 2.0, fourier(state, 2.0, far=2)),
        ("fout", 1.0, fourier(state, 1.0, far=2)),
        ("fous", 2.0, fourier(state, 2.0, far=1)),
        ("foud", None, foud(state)),
    ]
    for name, window, (a, b, gram) in table:
        yield {
            "family": name,
            "window": window,
            "a": np.array(a).ravel().tolist(),
            "b": np.array(b).ravel().tolist(),
            "gram": np.array(gram).ravel().tolist(),
        }


def closed_legs(state):
    n = np.arange(state)
    root = np.sqrt(2 * n + 1.0)
    return -np.tril(np.outer(root, root), -1) - np.diag(n + 1.0), root


def kernels():
    a, b = closed_legs(16)
    for t in (0.0, 0.25, 1.0, 3.0, 6.0):
        exact = b * eval_legendre(np.arange(16), 2 * np.exp(-t) - 1) * np.exp(-t)
        computed = expm(a * t) @ b
        assert np.abs(exact - computed).max() < 1e-12, "expm and the closed form disagree"
        yield {"t": t, "kernel": computed.tolist()}


def spectra():
    for state in (4, 8, 64):
        a, b = closed_legs(state)
        p = b / np.sqrt(2)
        skew = a + np.outer(p, p) + 0.5 * np.eye(state)
        values = np.linalg.eigvalsh(-1j * skew)
        yield {"state": state, "imaginary": values[values > 0].tolist()}


def distances():
    for state in (4, 8, 16, 32):
        a, _ = closed_legs(state)

        def smallest(w):
            return np.linalg.svd(1j * w * np.eye(state) - a, compute_uv=False)[-1]

        grid = np.linspace(0.0, 4.0, 401)
        best = grid[np.argmin([smallest(w) for w in grid])]
        bounds = (max(best - 0.02, 0.0), best + 0.02)
        found = minimize_scalar(smallest, bounds=bounds, method="bounded", options={"xatol": 1e-12})
        yield {"state": state, "distance": float(min(found.fun, smallest(best)))}


if __name__ == "__main__":
    cases = {
        "families": list(families()),
        "legs_kernels": list(kernels()),
        "legs_spectra": list(spectra()),
        "legs_distances": list(distances()),
    }
    golden_json.run("hippo", "oracles/hippo.py", cases, TOLERANCE)
