"""The table in Markdown, and how it begins."""

import datetime
import platform
from importlib.metadata import version

from timing import in_words

PACKAGES = ("jax", "folx", "asdex", "torch", "numpy")


def processor():
    try:
        with open("/proc/cpuinfo") as lines:
            return next(line.split(":")[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.machine()


def head(command, dtype, machine):
    versions = {name: version(name) for name in PACKAGES} | {"python": platform.python_version()}
    return {
        "date": datetime.date.today().isoformat(),
        "command": command,
        "dtype": dtype,
        "processor": processor(),
        "machine": machine,
        "versions": versions,
    }


def head_lines(head):
    versions = ", ".join(f"{name} {number}" for name, number in head["versions"].items())
    machine = head["machine"]
    gemm = machine["gemm_gflops"][head["dtype"]]
    return [
        f"{head['date']}, `{head['command']}`, {head['dtype']}, {machine['threads']} threads of {head['processor']}",
        f"({gemm:.0f} GFLOP/s in products of matrices, {machine['stream_gb_per_s']:.0f} GB/s); {versions}.",
        "",
    ]


COLUMNS = (
    "| workload | quantity | best peer | time | colorjet | time | ratio | nodal in JAX | of the limit | of the floor "
    "| ratio at the floor |"
)


def row(result):
    best = result["best"]
    peer = (best, in_words(result["ways"][best])) if best else ("none", "-")
    ratio, nodal, last = (f"{r:.2f}" if r else "-" for r in map(result.get, ("ratio", "nodal", "ratio_at_floor")))
    limit, floor = (f"{100 * part:.0f} %" if part else "-" for part in map(result.get, ("of_limit", "of_floor")))
    cells = [
        result["name"],
        result["quantity"],
        *peer,
        f"{result['strategy']}, {result['lanes']} lanes",
        in_words(result["colorjet"]),
        ratio,
        nodal,
        limit,
        floor,
        last,
    ]
    return "| " + " | ".join(cells) + " |"


def table(head, results, rust_peers):
    lines = head_lines(head) + [COLUMNS, "|---" * 11 + "|"] + [row(r) for r in results]
    lines += ["", "The other ways, and those that do not count:", ""]
    for result in results:
        ordered = sorted(result["ways"].items(), key=lambda item: item[1])
        words = [f"{name} {in_words(seconds)}" for name, seconds in ordered[1:]]
        words += [f"{name}: {why}" for name, why in result["dropped"].items()]
        lines.append(f"- {result['name']} {result['quantity']}: " + ("; ".join(words) or "none"))
    if rust_peers:
        lines += ["", "Rust:", ""]
        lines += ["- " + ", ".join(f"{key} {value}" for key, value in peer.items()) for peer in rust_peers]
    return "\n".join(lines)
