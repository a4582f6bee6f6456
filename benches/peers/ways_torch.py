"""Ways of torch.func, eager and through torch.compile, for networks that are not compressed."""

import numpy as np
import torch
from torch.func import grad, hessian, jacfwd, jacrev, jvp, vjp, vmap
from torch.fx.experimental.proxy_tensor import make_fx

from job import Way

# Numbers of the largest intermediate result that is tried.
LARGEST = 1 << 26


def jvp_of_jvp(f, x, outputs):
    along = lambda e: jvp(lambda x: jvp(f, (x,), (e,))[1], (x,), (e,))[1]
    return vmap(along)(torch.eye(len(x), dtype=x.dtype)).T


def jvp_of_vjp(f, x, outputs):
    directions = torch.eye(len(x), dtype=x.dtype)

    def of_output(w):
        gradient = lambda x: vjp(f, x)[1](w)[0]
        second = vmap(lambda e: jvp(gradient, (x,), (e,))[1])(directions)
        return torch.diagonal(second)

    return vmap(of_output)(torch.eye(outputs, dtype=x.dtype))


def vjp_of_jvp(f, x, outputs):
    directions = torch.eye(len(x), dtype=x.dtype)

    def of_output(w):
        slope = lambda x, e: torch.dot(w, jvp(f, (x,), (e,))[1])
        return torch.diagonal(vmap(lambda e: grad(slope)(x, e))(directions))

    return vmap(of_output)(torch.eye(outputs, dtype=x.dtype))


def full_hessian(f, x, outputs):
    return torch.diagonal(hessian(f)(x), dim1=1, dim2=2)


def all_three(f, x, outputs):
    """y, J and D, with a direction for each input."""

    def along(e):
        (y, _), (first, second) = jvp(lambda x: jvp(f, (x,), (e,)), (x,), (e,))
        return y, first, second

    y, first, second = vmap(along)(torch.eye(len(x), dtype=x.dtype))
    return y[0], first.T, second.T


def all_three_by_adjoints(f, x, outputs):
    """The same with an adjoint for each output, and its derivative for each input."""
    directions = torch.eye(len(x), dtype=x.dtype)

    def of_output(w):
        gradient = lambda x: vjp(f, x)[1](w)[0]
        first, second = vmap(lambda e: jvp(gradient, (x,), (e,)))(directions)
        return first[0], torch.diagonal(second)

    return f(x), *vmap(of_output)(torch.eye(outputs, dtype=x.dtype))


def methods(job):
    if job.quantity == "J":
        return {"jacfwd": lambda f, x, _: jacfwd(f)(x), "jacrev": lambda f, x, _: jacrev(f)(x)}
    if job.quantity == "yJD":
        return {"jvp of jvp": all_three, "jvp of vjp": all_three_by_adjoints}
    chosen = {"jvp of jvp": jvp_of_jvp}
    if job.outputs * job.inputs**2 * job.batch <= LARGEST:
        chosen |= {"jvp of vjp": jvp_of_vjp, "vjp of jvp": vjp_of_jvp, "diagonal of hessian": full_hessian}
    if job.quantity == "D":
        return chosen
    summed = lambda method: lambda f, x, m: method(f, x, m).sum(1)
    return {name: summed(method) for name, method in chosen.items()}


def ways(job):
    """(name, builder) for each way; a builder yields (suffix, Way)."""
    if job.sparse or job.name == "nodes":
        return
    torch.set_num_threads(job.threads)
    f = job.network.torch()
    points = torch.from_numpy(np.ascontiguousarray(job.points))
    numbers = lambda r: [part.numpy() for part in r[1:]] if job.quantity == "yJD" else r.numpy()

    def build(method, compile):
        torch.compiler.reset()
        run = vmap(lambda x: method(f, x, job.outputs))
        if compile:
            # Dynamo refuses some nests of transforms. Traced, they are gone, and only tensor operations are left.
            with torch.no_grad():
                run = torch.compile(make_fx(run)(points), fullgraph=True, dynamic=False)

        def once():
            with torch.no_grad():
                return run(points)

        if compile:
            # The compiler runs at the first call.
            once()
        yield "", Way(once, numbers)

    for name, method in methods(job).items():
        yield f"torch {name}", lambda m=method: build(m, False)
        if name != "diagonal of hessian":
            yield f"torch.compile {name}", lambda m=method: build(m, True)
