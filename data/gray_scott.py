"""A convolutional surrogate of a Gray-Scott reaction-diffusion system.

    u_t = Du lap(u) - u v^2 + F (1 - u),     v_t = Dv lap(v) + u v^2 - (F + k) v

on a periodic 40 x 40 grid with unit spacing (five-point Laplacian).  The solver
takes Runge-Kutta steps of 0.25; the surrogate learns to advance the state
[u, v] by 4 time units in one step,

    next = state + scales * conv1x1(tanh(conv3x3(tanh(conv3x3(state))))),

with circular padding, trained on trajectories from random seeds.  Adam on whole
fields first, then Levenberg-Marquardt on 5 x 5 patches, the receptive field.

Writes gray_scott.safetensors (colorjet format) and gray_scott_state.safetensors,
a state [2, 40, 40] in the middle of pattern formation from a held-out
trajectory.

Run: python data/gray_scott.py
Needs: jax, optax, numpy, scipy, safetensors
"""
import os
import time

import jax

jax.config.update("jax_enable_x64", True)
import jax.numpy as jnp
import numpy as np
import optax
from jax.flatten_util import ravel_pytree

from colorjet_format import save, save_tensors
from levenberg_marquardt import LevenbergMarquardt

HERE = os.path.dirname(os.path.abspath(__file__))
SEED = 20261122
SIZE = 40
DU, DV, FEED, KILL = 0.10, 0.05, 0.037, 0.060
STEP, SUBSTEPS = 4.0, 16  # time of one surrogate step, solver steps within it
STEPS = 240  # surrogate steps in a trajectory
TRAINING, HELD_OUT = 24, 6  # numbers of trajectories
SHOWN = 100  # step of the saved state
HIDDEN = 16
ADAM_STEPS, BATCH = 4000, 8
LM_STEPS, PATCHES = 150, 6000


# -------------------------------------------------------------- the solver


def rates(state):
    u, v = state[..., 0, :, :], state[..., 1, :, :]

    def laplacian(w):
        ways = [(1, -1), (-1, -1), (1, -2), (-1, -2)]
        return sum(jnp.roll(w, shift, axis) for shift, axis in ways) - 4 * w

    reaction = u * v * v
    return jnp.stack(
        [DU * laplacian(u) - reaction + FEED * (1 - u), DV * laplacian(v) + reaction - (FEED + KILL) * v],
        axis=-3,
    )


@jax.jit
def solve(state):
    """Advance by one surrogate step."""
    h = STEP / SUBSTEPS

    def runge_kutta(_, s):
        a = rates(s)
        b = rates(s + h / 2 * a)
        c = rates(s + h / 2 * b)
        d = rates(s + h * c)
        return s + h / 6 * (a + 2 * b + 2 * c + d)

    return jax.lax.fori_loop(0, SUBSTEPS, runge_kutta, state)


def seeds(rng, number):
    """u = 1, v = 0 but for a few squares of u = 1/2, v = 1/4, with noise."""
    state = np.zeros((number, 2, SIZE, SIZE))
    state[:, 0] = 1
    for s in state:
        for _ in range(rng.integers(1, 8)):
            i, j, k = rng.integers(SIZE), rng.integers(SIZE), rng.integers(3, 8)
            rows, columns = (i + np.arange(k)) % SIZE, (j + np.arange(k)) % SIZE
            s[0][np.ix_(rows, columns)], s[1][np.ix_(rows, columns)] = 0.5, 0.25
        s += 0.02 * rng.standard_normal(s.shape)
    return state


def trajectories(rng, number):
    """States [number, STEPS + 1, 2, SIZE, SIZE]; the seed's noise is smoothed first."""
    states = [solve(jnp.asarray(seeds(rng, number)))]
    for _ in range(STEPS):
        states.append(solve(states[-1]))
    return np.asarray(jnp.stack(states, axis=1))


# ------------------------------------------------------------- the network

SHAPES = {
    "c1.weight": (HIDDEN, 2, 3, 3), "c1.bias": (HIDDEN,),
    "c2.weight": (HIDDEN, HIDDEN, 3, 3), "c2.bias": (HIDDEN,),
    "c3.weight": (2, HIDDEN, 1, 1), "c3.bias": (2,),
}


def start(rng):
    p = {k: np.zeros(s) for k, s in SHAPES.items()}
    for k, s in SHAPES.items():
        if len(s) == 4:
            p[k] = rng.standard_normal(s) / np.sqrt(np.prod(s[1:]))
    p["c1.weight"] *= 2.0  # the fields are small
    return {k: jnp.asarray(v) for k, v in p.items()}


def circular(weight, bias, x):
    """Periodic 3 x 3 convolution of [..., H, W, C] as one product."""
    around = [jnp.roll(x, (1 - i, 1 - j), (-3, -2)) for i in range(3) for j in range(3)]
    rows = weight.transpose(2, 3, 1, 0).reshape(-1, weight.shape[0])
    return jnp.concatenate(around, axis=-1) @ rows + bias


def change(p, state):
    """Scaled change over one step for states [..., 2, H, W]."""
    x = jnp.moveaxis(state, -3, -1)
    x = jnp.tanh(circular(p["c1.weight"], p["c1.bias"], x))
    x = jnp.tanh(circular(p["c2.weight"], p["c2.bias"], x))
    x = x @ p["c3.weight"][:, :, 0, 0].T + p["c3.bias"]
    return jnp.moveaxis(x, -1, -3)


def change_at(p, patch):
    """Scaled change [2] at the center of a patch [2, 5, 5]."""
    inner = jnp.stack([patch[:, i : i + 3, j : j + 3] for i in range(3) for j in range(3)])
    x = jnp.tanh(inner.reshape(9, -1) @ p["c1.weight"].reshape(HIDDEN, -1).T + p["c1.bias"])
    rows = p["c2.weight"].transpose(2, 3, 1, 0).reshape(-1, HIDDEN)
    x = jnp.tanh(x.reshape(-1) @ rows + p["c2.bias"])
    return p["c3.weight"][:, :, 0, 0] @ x + p["c3.bias"]


def patches(rng, fields, targets, number):
    """Random 5 x 5 patches, half of them where the change is large."""
    choice = rng.integers(0, fields.shape[0], 4 * number)
    i, j = rng.integers(0, SIZE, (2, 4 * number))
    wanted = targets[choice, :, i, j]
    chance = np.abs(wanted).sum(1)
    chance = chance / chance.mean() + 1
    keep = rng.choice(4 * number, number, replace=False, p=chance / chance.sum())
    choice, i, j = choice[keep], i[keep], j[keep]
    near = np.arange(-2, 3)
    rows = (i[:, None, None] + near[:, None]) % SIZE
    columns = (j[:, None, None] + near) % SIZE
    return np.moveaxis(fields[choice[:, None, None], :, rows, columns], -1, 1), wanted[keep]


# ---------------------------------------------------------------- training


def judge(p, scales, held_out, label, began):
    """One-step and rollout errors on held-out trajectories."""
    s = scales[:, None, None]
    now, after = held_out[:, :-1], held_out[:, 1:]
    guess = np.stack([now_k + s * np.asarray(forward(p, now_k)) for now_k in now])
    one = np.linalg.norm(guess - after) / np.linalg.norm(after - now)
    at = [SHOWN // 2, SHOWN, 2 * SHOWN]
    state = held_out[:, at].reshape(-1, 2, SIZE, SIZE)
    first = state
    for _ in range(20):
        state = state + s * np.asarray(forward(p, state))
    truth = held_out[:, [k + 20 for k in at]].reshape(state.shape)
    roll = np.linalg.norm(state - truth) / np.linalg.norm(truth)
    moved = np.linalg.norm(state - truth) / np.linalg.norm(truth - first)
    print(
        f"{label:>10s}  one step: error / change {one:.2e}  rollout of 20: rel L2 {roll:.2e}, "
        f"error / change {moved:.2e}, max {np.abs(state - truth).max():.1e}  {time.time() - began:4.0f} s",
        flush=True,
    )


forward = jax.jit(change)


def write(p, scales, path):
    wrap = {"padding": [[0, 0], [1, 1], [1, 1]], "mode": "circular"}

    def conv(name, operand):
        fields = {"weight": f"{name}.weight", "bias": f"{name}.bias"}
        return {"name": name, "kind": "conv", "from": [operand], **fields}

    def tanh(name, operand):
        return {"name": name, "kind": "elementwise", "from": [operand], "function": "tanh"}

    layers = [
        {"name": "state", "kind": "input", "shape": [2, SIZE, SIZE]},
        {"name": "p1", "kind": "pad", "from": ["state"], **wrap}, conv("c1", "p1"), tanh("a1", "c1"),
        {"name": "p2", "kind": "pad", "from": ["a1"], **wrap}, conv("c2", "p2"), tanh("a2", "c2"),
        conv("c3", "a2"),
        {"name": "next", "kind": "sum", "from": ["state", "c3"], "scales": [1.0, "change_scale"]},
    ]
    tensors = {k: np.asarray(v) for k, v in p.items()} | {"change_scale": scales}
    save(path, layers, ["next"], tensors)


def main():
    began = time.time()
    rng = np.random.default_rng(SEED)
    path = os.path.join(HERE, "gray_scott.safetensors")
    training, held_out = trajectories(rng, TRAINING), trajectories(rng, HELD_OUT)
    save_tensors(os.path.join(HERE, "gray_scott_state.safetensors"), {"x": held_out[0, SHOWN]})
    fields = training[:, :-1].reshape(-1, 2, SIZE, SIZE)
    targets = training[:, 1:].reshape(fields.shape) - fields
    scales = targets.std((0, 2, 3))
    targets = targets / scales[:, None, None]
    print(f"{len(fields)} pairs, scales {scales}, {time.time() - began:.0f} s", flush=True)

    p = start(rng)
    adam = optax.adam(optax.cosine_decay_schedule(3e-3, ADAM_STEPS))
    single = lambda tree: jax.tree.map(lambda v: jnp.asarray(v, jnp.float32), tree)
    p, thin, thin_targets = single(p), fields.astype(np.float32), targets.astype(np.float32)
    state = adam.init(p)

    @jax.jit
    def step(p, state, x, y):
        error, gradient = jax.value_and_grad(lambda p: ((change(p, x) - y) ** 2).mean())(p)
        update, state = adam.update(gradient, state)
        return optax.apply_updates(p, update), state, error

    for number in range(ADAM_STEPS):
        batch = rng.integers(0, len(fields), BATCH)
        p, state, error = step(p, state, thin[batch], thin_targets[batch])
        if (number + 1) % 1000 == 0:
            wide = jax.tree.map(lambda v: v.astype(jnp.float64), p)
            judge(wide, scales, held_out, f"Adam {number + 1}", began)

    # Levenberg-Marquardt on the scaled change at patch centers.
    p = jax.tree.map(lambda v: v.astype(jnp.float64), p)
    theta, unravel = ravel_pytree(p)
    errors = lambda theta, x, y: jax.vmap(change_at, (None, 0))(unravel(theta), x) - y
    loss = jax.jit(lambda theta, x, y: (errors(theta, x, y) ** 2).mean())

    @jax.jit
    def normal_equations(theta, x, y):
        jac = jax.vmap(jax.jacrev(lambda t, x: change_at(unravel(t), x)), (None, 0))(theta, x)
        jac = jac.reshape(-1, theta.size)
        r = errors(theta, x, y).ravel()
        return (r @ r) / r.size, jac.T @ r / r.size, jac.T @ jac / r.size

    search = LevenbergMarquardt(damping=1e-3, least=1e-10)
    for number in range(LM_STEPS):
        if number % 5 == 0:
            x, y = patches(rng, fields, targets, PATCHES)
        equations = normal_equations(theta, x, y)
        theta, size = search.step(theta, equations, lambda theta: loss(theta, x, y))
        if (number + 1) % 10 == 0:
            judge(unravel(theta), scales, held_out, f"LM {number + 1}", began)
            print(f"{'':12s}mean squared error {size:.3e}  damping {search.damping:.1e}", flush=True)
    write(unravel(theta), scales, path)


if __name__ == "__main__":
    main()
