"""A lattice energy learned from energies and forces.

The true energy of a periodic field phi is

    E = sum over sites of  1/2 (nearest differences)^2  (2 directions)
                         + K/2 (diagonal differences)^2 (2 directions)
                         + lambda/4 (phi^2 - 1)^2,

and the learned one a sum over sites of a small convolutional network,

    sum of conv1x1(tanh(conv3x3(tanh(conv3x3(phi))))), with circular padding.

Training fields on 12 x 12 lattices come from Langevin dynamics at several
temperatures and from random fields; targets are the total energies and the
forces -dE/dphi.  Fitted by Levenberg-Marquardt on the forces at the centers of
9 x 9 patches, all a force depends on, together with total energies.  The saved
network is that for 40 x 40 lattices, on which the errors are measured too.

Writes lattice_energy.safetensors (colorjet format) and
lattice_state.safetensors, a held-out field [1, 40, 40].

Run: python data/lattice_energy.py
Needs: jax, numpy, scipy, safetensors
"""
import os
import time

import jax

jax.config.update("jax_enable_x64", True)
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree

from colorjet_format import save, save_tensors
from levenberg_marquardt import LevenbergMarquardt

HERE = os.path.dirname(os.path.abspath(__file__))
SEED = 20261122
DIAGONAL, LAMBDA = 0.3, 1.0
SIZE, SMALL = 40, 12
TEMPERATURES = [0.1, 0.2, 0.35, 0.5, 0.7]
HIDDEN = 8
LM_STEPS, REDRAW = 300, 20
PATCHES, TOTALS = 10000, 300


# --------------------------------------------------------- the true energy


def energy(phi):
    """Total energies of fields [..., H, W]."""
    total = LAMBDA / 4 * (phi**2 - 1) ** 2
    for shifts, weight in [((1, 0), 1), ((0, 1), 1), ((1, 1), DIAGONAL), ((1, -1), DIAGONAL)]:
        total += weight / 2 * (jnp.roll(phi, shifts, (-2, -1)) - phi) ** 2
    return total.sum((-2, -1))


energies = jax.jit(energy)
forces = jax.jit(jax.grad(lambda phi: -energy(phi).sum()))


def langevin(rng, number, size, temperature, steps=600, dt=0.02):
    """Fields from overdamped Langevin dynamics, hot or cold at the start."""
    phi = jnp.asarray(rng.choice([0.3, 1.0, 1.5], (number, 1, 1)) * rng.standard_normal((number, size, size)))
    phi = jnp.where(jnp.arange(number)[:, None, None] % 3 == 0, jnp.sign(phi.sum((1, 2), keepdims=True)), phi)

    @jax.jit
    def run(phi, key):
        def move(_, carry):
            phi, key = carry
            key, use = jax.random.split(key)
            noise = jax.random.normal(use, phi.shape)
            slope = jax.grad(lambda phi: energy(phi).sum())(phi)
            return phi - dt * slope + np.sqrt(2 * dt * temperature) * noise, key

        return jax.lax.fori_loop(0, steps, move, (phi, key))[0]

    return np.asarray(run(phi, jax.random.key(int(rng.integers(2**31)))))


def fields(rng, number, size):
    """A third random fields, rough and smooth, and two thirds from Langevin dynamics."""
    each = number // (len(TEMPERATURES) + 2)
    parts = [langevin(rng, each, size, t) for t in TEMPERATURES]
    rough = rng.standard_normal((2 * each, size, size))
    around = [(1, 0), (-1, 0), (0, 1), (0, -1)]
    smooth = rough[each:]
    for _ in range(3):
        smooth = (smooth + sum(np.roll(smooth, s, (1, 2)) for s in around)) / 5
    smooth /= smooth.std((1, 2), keepdims=True)
    amplitude = rng.uniform(0.1, 0.6, (2 * each, 1, 1))
    parts.append(amplitude * np.concatenate([rough[:each], smooth]))
    return np.concatenate(parts)


# ------------------------------------------------------------- the network


def start(rng):
    shapes = {
        "c1.weight": (HIDDEN, 1, 3, 3), "c1.bias": (HIDDEN,),
        "c2.weight": (HIDDEN, HIDDEN, 3, 3), "c2.bias": (HIDDEN,),
        "c3.weight": (1, HIDDEN, 1, 1), "c3.bias": (1,),
    }
    scale = lambda s: 0.6 / np.sqrt(np.prod(s[1:])) if len(s) > 1 else 0.3
    return {k: jnp.asarray(scale(s) * rng.standard_normal(s)) for k, s in shapes.items()}


def convolve(weight, bias, x):
    """3 x 3 convolution of [H, W, C] without padding."""
    h, w = x.shape[0] - 2, x.shape[1] - 2
    around = [x[i : i + h, j : j + w] for i in range(3) for j in range(3)]
    rows = weight.transpose(2, 3, 1, 0).reshape(-1, weight.shape[0])
    return jnp.concatenate(around, axis=-1) @ rows + bias


def local(p, phi):
    """Sum of the site energies of the sites at least 2 from the rim of [H, W]."""
    x = jnp.tanh(convolve(p["c1.weight"], p["c1.bias"], phi[..., None]))
    x = jnp.tanh(convolve(p["c2.weight"], p["c2.bias"], x))
    return (x @ p["c3.weight"][0, :, 0, 0] + p["c3.bias"]).sum()


def total(p, phi):
    """Learned energy of one periodic field."""
    return local(p, jnp.pad(phi, 2, mode="wrap"))


def center_force(p, patch):
    """Learned force at the center of a 9 x 9 patch."""
    direction = jnp.zeros((9, 9)).at[4, 4].set(-1.0)
    return jax.jvp(lambda phi: local(p, phi), (patch,), (direction,))[1]


def patches(rng, phi, force, number):
    k, i, j = rng.integers(0, phi.shape[0], number), *rng.integers(0, phi.shape[1], (2, number))
    near = np.arange(-4, 5)
    rows = (i[:, None, None] + near[:, None]) % phi.shape[1]
    columns = (j[:, None, None] + near) % phi.shape[2]
    return phi[k[:, None, None], rows, columns], force[k, i, j]


# ---------------------------------------------------------------- training

many_totals = jax.jit(jax.vmap(total, (None, 0)))
many_forces = jax.jit(jax.vmap(jax.grad(lambda phi, p: -total(p, phi)), (0, None)))


def judge(p, phi, label, began):
    e, f = np.asarray(energies(phi)), np.asarray(forces(phi))
    ours, force = np.asarray(many_totals(p, phi)), np.asarray(many_forces(phi, p))
    print(
        f"{label:>8s}  {phi.shape[1]} x {phi.shape[2]}: energy, mean |error| / energy {np.mean(np.abs(ours - e) / e):.2e}, "
        f"RMS error / spread {np.sqrt(np.mean((ours - e) ** 2)) / e.std():.2e}  "
        f"force rel L2 {np.linalg.norm(force - f) / np.linalg.norm(f):.2e}, "
        f"max {np.abs(force - f).max():.2e} of {np.abs(f).max():.1f}  {time.time() - began:4.0f} s",
        flush=True,
    )


def write(p, path):
    wrap = {"padding": [[0, 0], [1, 1], [1, 1]], "mode": "circular"}

    def conv(name, operand):
        fields = {"weight": f"{name}.weight", "bias": f"{name}.bias"}
        return {"name": name, "kind": "conv", "from": [operand], **fields}

    def tanh(name, operand):
        return {"name": name, "kind": "elementwise", "from": [operand], "function": "tanh"}

    layers = [
        {"name": "phi", "kind": "input", "shape": [1, SIZE, SIZE]},
        {"name": "p1", "kind": "pad", "from": ["phi"], **wrap}, conv("c1", "p1"), tanh("a1", "c1"),
        {"name": "p2", "kind": "pad", "from": ["a1"], **wrap}, conv("c2", "p2"), tanh("a2", "c2"),
        conv("c3", "a2"),
        {"name": "energy", "kind": "dense", "from": ["c3"], "weight": "ones"},
    ]
    tensors = {k: np.asarray(v) for k, v in p.items()} | {"ones": np.ones((1, SIZE * SIZE))}
    save(path, layers, ["energy"], tensors)


def main():
    began = time.time()
    rng = np.random.default_rng(SEED)
    path = os.path.join(HERE, "lattice_energy.safetensors")
    phi, held_out = fields(rng, 2800, SMALL), fields(rng, 280, SMALL)
    large = langevin(rng, 6, SIZE, 0.5)
    wide = np.concatenate([langevin(rng, 6, SIZE, t) for t in TEMPERATURES])
    save_tensors(os.path.join(HERE, "lattice_state.safetensors"), {"x": large[1:2]})
    e, f = np.asarray(energies(phi)), np.asarray(forces(phi))
    force_scale = f.std()
    total_scale = e.std() / SMALL  # of the energy, for each square root of a site
    print(f"{len(phi)} fields, force scale {force_scale:.3f}, fields up to {np.abs(phi).max():.2f}")

    theta, unravel = ravel_pytree(start(rng))
    print(f"{theta.size} parameters")

    def misfit_force(theta, x, y):
        return (center_force(unravel(theta), x) - y) / force_scale / np.sqrt(PATCHES)

    def misfit_total(theta, x, y):
        return (total(unravel(theta), x) - y) / total_scale / np.sqrt(TOTALS) / 10

    @jax.jit
    def loss(theta, near, force, whole, energy):
        a = jax.vmap(misfit_force, (None, 0, 0))(theta, near, force)
        b = jax.vmap(misfit_total, (None, 0, 0))(theta, whole, energy)
        return a @ a + b @ b

    @jax.jit
    def normal_equations(theta, near, force, whole, energy):
        a, da = jax.vmap(jax.value_and_grad(misfit_force), (None, 0, 0))(theta, near, force)
        b, db = jax.vmap(jax.value_and_grad(misfit_total), (None, 0, 0))(theta, whole, energy)
        return a @ a + b @ b, a @ da + b @ db, da.T @ da + db.T @ db

    search = LevenbergMarquardt(damping=1e-2, least=1e-9)
    for number in range(LM_STEPS):
        if number % REDRAW == 0:
            chosen = rng.choice(len(phi), TOTALS, replace=False)
            data = (*patches(rng, phi, f, PATCHES), phi[chosen], e[chosen])
        theta, size = search.step(theta, normal_equations(theta, *data), lambda theta: loss(theta, *data))
        if (number + 1) % REDRAW == 0:
            p = unravel(theta)
            judge(p, held_out, f"LM {number + 1}", began)
            judge(p, wide, "", began)
            print(f"{'':10s}loss {size:.3e}  damping {search.damping:.1e}", flush=True)
    write(unravel(theta), path)


if __name__ == "__main__":
    main()
