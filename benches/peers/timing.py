"""Times of ways that take turns with colorjet, so that noise of the machine hits all."""

import statistics
import time

# Seconds of a sample, at least.
SHORTEST = 0.02

# Seconds before a sample, in which the threads of the library before it stop waiting for more work.
PAUSE = 0.1

# Seconds of runs before a sample: threads that were idle may be kept on one core for some tens of milliseconds.
WARM_UP = 0.1

# A way this many times slower than the fastest at first sight is not measured again.
HOPELESS = 3


def warm_up(way):
    start = time.perf_counter()
    while time.perf_counter() - start < WARM_UP:
        way.run()


def sample(way, repeats):
    start = time.perf_counter()
    for _ in range(repeats):
        way.run()
    return (time.perf_counter() - start) / (repeats * way.evaluations)


def first_look(way):
    """(seconds, repeats that fill a sample)."""
    seconds = min(sample(way, 1) for _ in range(2))
    repeats = max(1, round(SHORTEST / (seconds * way.evaluations)))
    if repeats > 1:
        # Short ones find the caches as a loop would.
        warm_up(way)
    return min(seconds, sample(way, repeats)), repeats


def in_turns(ways, own, rounds):
    """Seconds of the ways by name, and what `own()` measures of colorjet, a list of numbers.

    Medians of all rounds for those that can win; the first look for those that are much slower than the fastest.
    """
    looks = {name: first_look(way) for name, way in ways.items()}
    seconds = {name: look for name, (look, _) in looks.items()}
    close = [name for name in ways if seconds[name] <= HOPELESS * min(seconds.values())]
    samples, numbers = {name: [] for name in close}, []
    for _ in range(rounds):
        for name in close:
            time.sleep(PAUSE)
            warm_up(ways[name])
            samples[name].append(sample(ways[name], looks[name][1]))
        time.sleep(PAUSE)
        numbers.append(own())
    return seconds | {name: statistics.median(s) for name, s in samples.items()}, map(statistics.median, zip(*numbers))


def in_words(seconds):
    for factor, unit in ((1e9, "ns"), (1e6, "µs"), (1e3, "ms"), (1, "s")):
        number = seconds * factor
        if number < 1000 or unit == "s":
            return f"{number:.{2 if number < 10 else int(number < 100)}f} {unit}"
