"""Times of ways that take turns with colorjet, so that noise of the machine hits all."""

import statistics
import time

# Seconds of a sample, at least.
SHORTEST = 0.02


def sample(way, repeats):
    start = time.perf_counter()
    for _ in range(repeats):
        way.run()
    return (time.perf_counter() - start) / (repeats * way.evaluations)


def repeats_for(way, seconds):
    return max(1, round(SHORTEST / max(seconds, 1e-9)))


def in_turns(ways, colorjet, rounds):
    """Medians of the ways' seconds by name, and of colorjet's; `colorjet()` takes one sample."""
    repeats = {name: repeats_for(way, sample(way, 1) * way.evaluations) for name, way in ways.items()}
    samples, own = {name: [] for name in ways}, []
    for _ in range(rounds):
        for name, way in ways.items():
            samples[name].append(sample(way, repeats[name]))
        own.append(colorjet())
    return {name: statistics.median(s) for name, s in samples.items()}, statistics.median(own)


def in_words(seconds):
    for factor, unit in ((1e9, "ns"), (1e6, "µs"), (1e3, "ms"), (1, "s")):
        number = seconds * factor
        if number < 1000 or unit == "s":
            return f"{number:.{2 if number < 10 else int(number < 100)}f} {unit}"
