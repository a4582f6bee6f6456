"""colorjet beside its peers, in one run: `python3 benches/peers/run.py`; README.md says how to read the table."""

import argparse
import json
import os
import shlex
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
TARGET = HERE.parents[1] / "target"
VENV = TARGET / "peers-venv"

# Largest difference from colorjet's numbers, relative to the largest of them.
TOLERANCE = {"f64": 1e-8, "f32": 1e-3}

# Seconds of one of colorjet's samples.
SAMPLE = 0.05


def options():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", metavar="NAME[,NAME]", help="these workloads; NAME:QUANTITY for one quantity")
    parser.add_argument("--ways", metavar="WORD[,WORD]", help="only ways with one of these words in their names")
    parser.add_argument("--quick", action="store_true", help="3 rounds in place of 5")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--dtype", choices=["f64", "f32"], default="f64")
    parser.add_argument("--json", metavar="FILE", type=Path, help="everything, for scripts")
    parser.add_argument("--limit", metavar="SECONDS", type=float, default=5.0, help="longest run of a way that counts")
    parser.add_argument("--program", type=Path, help="a colorjet-peers that is built already")
    return parser.parse_args()


def enter(threads):
    """Goes on in the environment with all packages, and with the same cores for everyone."""
    environment = dict(os.environ, COLORJET_PEERS=str(VENV), NPROC=str(threads))
    # Later runs find what torch.compile made.
    environment["TORCHINDUCTOR_CACHE_DIR"] = str(TARGET / "peers" / "inductor")
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "RAYON_NUM_THREADS"):
        environment[name] = str(threads)
    if threads == 1:
        flags = os.environ.get("XLA_FLAGS", "")
        environment["XLA_FLAGS"] = f"{flags} --xla_cpu_multi_thread_eigen=false".strip()
    python = VENV / "bin" / "python"
    requirements = (HERE / "requirements.txt").read_text()
    mark = VENV / "installed.txt"
    if not mark.exists() or mark.read_text() != requirements:
        subprocess.run([sys.executable, "-m", "venv", VENV], check=True)
        subprocess.run([python, "-m", "pip", "install", "-q", "-r", HERE / "requirements.txt"], check=True)
        mark.write_text(requirements)
    if hasattr(os, "sched_setaffinity"):
        cores = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, cores[:threads])
    os.execve(python, [str(python), *sys.argv], environment)


def say(words):
    print(words, file=sys.stderr, flush=True)


def main():
    args = options()
    if os.environ.get("COLORJET_PEERS") != str(VENV):
        enter(args.threads)

    import jax

    jax.config.update("jax_enable_x64", args.dtype == "f64")
    import report
    from rust_tool import RustTool, build

    tool = RustTool(args.program or build(), TARGET / "peers" / args.dtype, args.dtype)
    head = report.head(shlex.join(["benches/peers/run.py", *sys.argv[1:]]), args.dtype, tool.machine())
    wanted = [tuple(word.split(":")) for word in args.only.split(",")] if args.only else None
    results = []
    for workload in tool.workloads:
        shared = {}
        for quantity in workload["quantities"]:
            pair = (workload["name"], quantity)
            if wanted is None or pair in wanted or pair[:1] in wanted:
                results.append(measure(tool, workload, quantity, shared, args))
                say(report.row(results[-1]))
                if args.json:
                    args.json.write_text(json.dumps({"head": head, "results": results}, indent=1))
        # Compiled code and constants of one network are of no use to the next.
        jax.clear_caches()
    tool.close()
    rust_peers = [] if wanted else tool.rust_peers(SAMPLE)
    if args.json:
        everything = {"head": head, "results": results, "rust": rust_peers}
        args.json.write_text(json.dumps(everything, indent=1))
    print(report.table(head, results, rust_peers))


def measure(tool, workload, quantity, shared, args):
    """All ways of one quantity of one workload, and colorjet's."""
    import numpy as np
    import timing
    from job import Job, Reference, References
    from networks import Network

    name = workload["name"]
    say(f"{name} {quantity}: {workload['title']}")
    result = {"name": name, "quantity": quantity, "ways": {}, "dropped": {}, "difference": {}}
    answer = tool.times(name, quantity, SAMPLE)
    if quantity == "pattern":
        detect(tool, workload, shared, result, args)
    else:
        dtype = {"f64": np.float64, "f32": np.float32}[args.dtype]
        if "network" not in shared:
            shared["network"] = Network(tool.folder / f"{name}.safetensors", dtype)
            shared["points"] = np.load(tool.folder / f"{name}.x.npy").astype(dtype).reshape(-1, workload["n"])
        tool.write_values(name, quantity)
        folder = tool.folder
        reference = References(folder, name) if quantity == "yJD" else Reference(folder, name, quantity)
        job = Job(
            name, workload["title"], quantity, shared["network"], shared["points"],
            workload["m"], reference, args.threads, shared,
        )
        survivors = survey(job, args, result)
        # The machine is not as fast at all times, so its rate is measured in the same turns.
        seconds = lambda: np.median(tool.times(name, quantity, SAMPLE)["seconds"])
        own = lambda: [seconds(), *map(np.median, tool.rates(name, quantity, SAMPLE))]
        result["ways"], numbers = timing.in_turns(survivors, own, 3 if args.quick else 5)
        result["colorjet"], *result["rates"] = numbers
    summarize(result, answer)
    return result


def survey(job, args, result):
    """Builds every way, runs it once, and checks its numbers."""
    import timing
    import ways_jax
    import ways_sparse
    import ways_torch

    survivors = {}
    words = args.ways.split(",") if args.ways else [""]
    for module in (ways_sparse, ways_jax, ways_torch):
        for name, builder in module.ways(job):
            if not any(word in name for word in words):
                continue
            start = time.perf_counter()
            try:
                for suffix, way in builder():
                    first = admit(way, job, args, result, name + suffix)
                    if first is not None:
                        survivors[name + suffix] = way
                        built = time.perf_counter() - start
                        say(f"  {name}{suffix}: {timing.in_words(first)}, {built:.0f} s with compilation")
            except Exception as refusal:
                word = str(refusal).strip().splitlines() or [""]
                result["dropped"][name] = f"refused ({type(refusal).__name__}: {word[0][:160]})"
                say(f"  {name}: {result['dropped'][name]}")
    return survivors


def admit(way, job, args, result, name):
    """Seconds of one evaluation, or None if the way does not count."""
    import timing

    start = time.perf_counter()
    outcome = way.run()
    seconds = time.perf_counter() - start
    difference = job.reference.difference(way.numbers(outcome))
    result["difference"][name] = difference
    if not difference <= TOLERANCE[args.dtype]:
        result["dropped"][name] = f"WRONG by {difference:.1e}"
    elif seconds > args.limit:
        result["dropped"][name] = f"longer than the limit, {timing.in_words(seconds)}"
    else:
        return seconds / way.evaluations
    say(f"  {name}: {result['dropped'][name]}")
    return None


def detect(tool, workload, shared, result, args):
    """Seconds of asdex's detection of the same pattern; it is run once, since it is long."""
    import statistics

    import colors
    from job import Job
    from networks import Network
    import numpy as np

    name = workload["name"]
    if "network" not in shared:
        shared["network"] = Network(tool.folder / f"{name}.safetensors", np.float64)
        shared["points"] = np.load(tool.folder / f"{name}.x.npy").reshape(-1, workload["n"])
    job = Job(name, "", "pattern", shared["network"], shared["points"], workload["m"], None, args.threads, shared)
    pattern, seconds = colors.detect(job)
    if pattern is None:
        result["dropped"]["asdex"] = f"more than {colors.PATIENCE} s"
    else:
        result["ways"]["asdex"] = seconds
    result["colorjet"] = statistics.median(tool.times(name, "pattern", SAMPLE)["seconds"])


def summarize(result, answer):
    ways, own = result["ways"], result["colorjet"]
    result["strategy"], result["lanes"] = answer.get("strategy"), answer.get("lanes")
    # A call of its own, by what the peer offers; apart from that, colorjet's way written for the peer.
    calls = [name for name in ways if "loop in XLA" not in name]
    offered = [name for name in calls if "nodal" not in name]
    result["best"] = min(offered, key=ways.get, default=None)
    result["ratio"] = ways[result["best"]] / own if offered else None
    nodal = [ways[name] for name in calls if "nodal" in name]
    result["nodal"] = min(nodal) / own if nodal else None
    result["of_limit"], result["of_floor"], result["ratio_at_floor"] = None, None, None
    if answer.get("operations"):
        flops, function_rate = result["rates"]
        result["of_limit"] = answer["operations"] / flops / own
        if answer["functions"] is not None:
            result["of_floor"] = result["of_limit"] + answer["functions"] / function_rate / own
            result["ratio_at_floor"] = result["ratio"] / result["of_floor"] if result["ratio"] else None


if __name__ == "__main__":
    main()
