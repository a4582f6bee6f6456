"""A physics-informed network for the viscous Burgers equation.

    u_t + u u_x - nu u_xx = 0,   nu = 0.01 / pi,   -1 <= x <= 1,  0 <= t <= 1,
    u(x, 0) = -sin(pi x),        u(-1, t) = u(1, t) = 0.

A tanh network u(x, t), inputs in the order x, t, is fitted to the equation, the
initial and the boundary condition alone; the Cole-Hopf solution serves only to
judge it.  Adam first, then Levenberg-Marquardt on the same least-squares loss,
with the residual points drawn anew where the residual is large.  All in 64 bits.

Writes burgers.safetensors (colorjet format) and burgers_reference.csv (the
solution, right to 1e-12).

Run: python data/burgers.py
Needs: jax, optax, numpy, scipy, safetensors
"""
import os
import time

import jax

jax.config.update("jax_enable_x64", True)
import jax.numpy as jnp
import numpy as np
import optax
from scipy.special import roots_hermite

from colorjet_format import save
from levenberg_marquardt import LevenbergMarquardt

HERE = os.path.dirname(os.path.abspath(__file__))
SEED = 20261122
NU = 0.01 / np.pi
WIDTHS = [2, 24, 24, 24, 24, 1]
INITIAL, BOUNDARY, RESIDUAL = 400, 100, 5600  # numbers of points
WEIGHT = 20.0  # of the initial and boundary conditions
ADAM_STEPS, LM_STEPS, REDRAW = 2000, 400, 20


# ------------------------------------------------------------ the solution


def cole_hopf(x, t, nodes=300):
    """The solution, by Gauss-Hermite quadrature of the Cole-Hopf integrals."""
    x, t = np.broadcast_arrays(np.asarray(x, float), np.asarray(t, float))
    z, w = roots_hermite(nodes)
    y = x[..., None] - 2 * np.sqrt(NU * t[..., None]) * z
    kernel = w * np.exp((1 - np.cos(np.pi * y)) / (2 * np.pi * NU) - 100.0)
    return -(kernel * np.sin(np.pi * y)).sum(-1) / kernel.sum(-1)


def cole_hopf_trapezoid(x, t, step=0.01, reach=26.0):
    """The same by the trapezoid rule, which converges geometrically here: a check."""
    x, t = np.broadcast_arrays(np.asarray(x, float), np.asarray(t, float))
    z = np.arange(-reach, reach + step / 2, step)
    y = x[..., None] - 2 * np.sqrt(NU * t[..., None]) * z
    exponent = (1 - np.cos(np.pi * y)) / (2 * np.pi * NU) - z**2
    kernel = np.exp(exponent - exponent.max(-1, keepdims=True))
    return -(kernel * np.sin(np.pi * y)).sum(-1) / kernel.sum(-1)


def write_reference(path):
    """x, t, u at 310 points: an even grid and a denser one around the shock."""
    wide = np.linspace(-0.95, 0.95, 21)
    near = np.array([-0.06, -0.03, -0.015, -0.006, -0.002, 0.0015, 0.004, 0.01, 0.02, 0.045])
    x = np.sort(np.concatenate([wide, near]))
    t = np.array([0.05, 0.15, 0.25, 0.35, 0.45, 0.55, 0.65, 0.75, 0.85, 1.0])
    xs, ts = (g.ravel() for g in np.meshgrid(x, t))
    u, check = cole_hopf(xs, ts), cole_hopf_trapezoid(xs, ts)
    print(f"reference: {len(u)} points, two quadratures differ by {np.abs(u - check).max():.1e}")
    assert np.abs(u - check).max() < 1e-11
    with open(path + ".part", "w") as file:
        file.write("x,t,u\n")
        file.writelines(f"{a!r},{b!r},{c!r}\n" for a, b, c in zip(xs.tolist(), ts.tolist(), check.tolist()))
    os.replace(path + ".part", path)


# ------------------------------------------------------------- the network


def unpack(theta):
    """Flat parameters to a list of (weight [m, k], bias [m])."""
    layers, at = [], 0
    for k, m in zip(WIDTHS[:-1], WIDTHS[1:]):
        layers.append((theta[at : at + m * k].reshape(m, k), theta[at + m * k : at + m * k + m]))
        at += m * k + m
    return layers


def start(rng):
    """Glorot-normal weights, zero biases."""
    parts = []
    for k, m in zip(WIDTHS[:-1], WIDTHS[1:]):
        parts += [rng.standard_normal(m * k) * np.sqrt(2 / (m + k)), np.zeros(m)]
    return jnp.asarray(np.concatenate(parts))


def tower(theta, point):
    """u, u_x, u_xx and u_t at one point (x, t), carried through the layers together."""
    zero = jnp.zeros(2)
    h = jnp.stack([point, jnp.array([1.0, 0.0]), zero, jnp.array([0.0, 1.0])])
    layers = unpack(theta)
    for number, (weight, bias) in enumerate(layers):
        z = h @ weight.T
        z = z.at[0].add(bias)
        if number == len(layers) - 1:
            return z[:, 0]
        a = jnp.tanh(z[0])
        d = 1 - a * a
        h = jnp.stack([a, d * z[1], d * (z[2] - 2 * a * z[1] ** 2), d * z[3]])


def residual(theta, point):
    u, u_x, u_xx, u_t = tower(theta, point)
    return u_t + u * u_x - NU * u_xx


def value(theta, point):
    return tower(theta, point)[0]


def misfits(theta, inside, edge, target):
    """All weighted misfits; the loss is the sum of their squares."""
    r = jax.vmap(residual, (None, 0))(theta, inside) / np.sqrt(len(inside))
    e = jax.vmap(value, (None, 0))(theta, edge) - target
    return jnp.concatenate([r, e * np.sqrt(WEIGHT / (INITIAL + BOUNDARY))])


@jax.jit
def normal_equations(theta, inside, edge, target):
    """Loss, J^T r and J^T J of the misfits r with J = dr/dtheta."""
    r_jac = jax.vmap(jax.grad(residual), (None, 0))(theta, inside) / np.sqrt(len(inside))
    e_jac = jax.vmap(jax.grad(value), (None, 0))(theta, edge)
    jac = jnp.concatenate([r_jac, e_jac * np.sqrt(WEIGHT / (INITIAL + BOUNDARY))])
    r = misfits(theta, inside, edge, target)
    return r @ r, jac.T @ r, jac.T @ jac


loss = jax.jit(lambda *a: (lambda r: r @ r)(misfits(*a)))
residuals = jax.jit(jax.vmap(residual, (None, 0)))
values = jax.jit(jax.vmap(value, (None, 0)))


def conditions():
    """Points and targets of the initial and the boundary condition."""
    x = np.linspace(-1, 1, INITIAL)
    t = np.linspace(0, 1, BOUNDARY // 2)
    edge = np.concatenate([np.c_[x, 0 * x], np.c_[-1 + 0 * t, t], np.c_[1 + 0 * t, t]])
    return edge, np.concatenate([-np.sin(np.pi * x), 0 * t, 0 * t])


def draw(rng, theta=None):
    """Residual points: half even, half by the size of the residual, of each a pool."""
    even = RESIDUAL // 2
    pool = np.c_[rng.uniform(-1, 1, 40000), rng.uniform(0, 1, 40000)]
    pool[20000:, 0] = 0.1 * rng.standard_normal(20000).clip(-9, 9)
    if theta is None:
        chosen = rng.choice(np.arange(20000, 40000), RESIDUAL - even, replace=False)
    else:
        size = np.abs(residuals(theta, pool))
        size[20000:] *= 0.3
        chance = size / size.mean() + 0.3
        chosen = rng.choice(len(pool), RESIDUAL - even, replace=False, p=chance / chance.sum())
    return np.concatenate([pool[:even], pool[chosen]])


# ---------------------------------------------------------------- training


def report(theta, label, began):
    x, t = (g.ravel() for g in np.meshgrid(np.linspace(-1, 1, 401), np.linspace(0, 1, 101)[1:]))
    u, v = report.solution, np.asarray(values(theta, np.c_[x, t]))
    if u is None:
        u = report.solution = cole_hopf(x, t)
    r = np.asarray(residuals(theta, np.c_[x, t]))
    print(
        f"{label:>12s}  rel L2 {np.linalg.norm(u - v) / np.linalg.norm(u):.2e}  "
        f"max {np.abs(u - v).max():.2e}  residual RMS {np.sqrt((r**2).mean()):.2e}  "
        f"max {np.abs(r).max():.2e}  {time.time() - began:5.0f} s",
        flush=True,
    )


report.solution = None


def write(theta, path):
    layers, tensors, last = [{"name": "x", "kind": "input", "shape": [2]}], {}, "x"
    dense = unpack(np.asarray(theta))
    for i, (weight, bias) in enumerate(dense, 1):
        tensors |= {f"fc{i}.weight": weight, f"fc{i}.bias": bias}
        fields = {"weight": f"fc{i}.weight", "bias": f"fc{i}.bias"}
        layers.append({"name": f"fc{i}", "kind": "dense", "from": [last], **fields})
        last = f"fc{i}"
        if i < len(dense):
            layers.append({"name": f"a{i}", "kind": "elementwise", "from": [last], "function": "tanh"})
            last = f"a{i}"
    save(path, layers, [last], tensors)


def main():
    began = time.time()
    rng = np.random.default_rng(SEED)
    path = os.path.join(HERE, "burgers.safetensors")
    write_reference(os.path.join(HERE, "burgers_reference.csv"))
    theta, inside = start(rng), draw(rng)
    edge, target = conditions()
    print(f"{theta.size} parameters")

    rate = optax.cosine_decay_schedule(3e-3, ADAM_STEPS)
    adam = optax.adam(rate)
    state = adam.init(theta)

    @jax.jit
    def step(theta, state, inside):
        gradient = jax.grad(loss)(theta, inside, edge, target)
        update, state = adam.update(gradient, state)
        return optax.apply_updates(theta, update), state

    for number in range(ADAM_STEPS):
        if number % 1000 == 0:
            report(theta, f"Adam {number}", began)
        if number % 250 == 0 and number:
            inside = draw(rng, theta)
        batch = inside[number % 4 :: 4]
        theta, state = step(theta, state, batch)
    report(theta, "Adam", began)

    search = LevenbergMarquardt(damping=1e-4, least=1e-13)
    for number in range(LM_STEPS):
        if number % REDRAW == 0:
            inside = draw(rng, theta)
        equations = normal_equations(theta, inside, edge, target)
        theta, size = search.step(theta, equations, lambda theta: loss(theta, inside, edge, target))
        if (number + 1) % REDRAW == 0:
            report(theta, f"LM {number + 1}", began)
            print(f"{'':14s}loss {size:.3e}  damping {search.damping:.1e}", flush=True)
    write(theta, path)


if __name__ == "__main__":
    main()
