"""Numbers from what a run left behind: latencies, gaps, upper bounds, and the kernel's own counters."""

import struct

SAMPLE = struct.Struct("<QI")


def read_samples(path, started_at):
    """(intended start as wall time in seconds, latency in seconds) of each success of a lane."""
    with open(path, "rb") as file:
        data = file.read()
    return [(started_at + start / 1e6, latency / 1e6) for start, latency in SAMPLE.iter_unpack(data)]


def percentile(sorted_values, fraction):
    if not sorted_values:
        return None
    return sorted_values[min(len(sorted_values) - 1, int(fraction * len(sorted_values)))]


def latencies(samples):
    values = sorted(latency for _, latency in samples)
    return {name: percentile(values, fraction) for name, fraction in (("p50", 0.5), ("p99", 0.99), ("p999", 0.999))}


def around_commits(samples, commits, before=0.25, after=1.0):
    """p99 in the window around each COMMIT as a ratio to p99 outside all windows: the median and the worst."""
    windows = [[] for _ in commits]
    steady = []
    for start, latency in samples:
        inside = False
        for window, commit in zip(windows, commits):
            if commit - before <= start < commit + after:
                window.append(latency)
                inside = True
        if not inside:
            steady.append(latency)
    base = percentile(sorted(steady), 0.99)
    ratios = sorted(percentile(sorted(window), 0.99) / base for window in windows if len(window) >= 20) if base else []
    return {
        "steady_p99_ms": None if base is None else base * 1e3,
        "ratio_median": percentile(ratios, 0.5),
        "ratio_worst": ratios[-1] if ratios else None,
    }


def longest_gap(samples):
    """The longest time in which no request was finished."""
    ends = sorted(start + latency for start, latency in samples)
    return max((b - a for a, b in zip(ends, ends[1:])), default=0.0)


def upper_bound(failures, total):
    """95 % upper bound of the failure rate (Poisson; 3/n when there was none)."""
    if total == 0:
        return None
    bound = 3.0 if failures == 0 else failures + 1.645 * failures**0.5 + 1.9
    return min(1.0, bound / total)


def kernel_counters():
    """Counters of the network namespace that tell of connections lost or reset."""
    found = {}
    for path, wanted in (("/proc/net/netstat", {"ListenDrops", "ListenOverflows"}), ("/proc/net/snmp", {"OutRsts"})):
        with open(path) as file:
            lines = file.read().splitlines()
        for names, values in zip(lines[::2], lines[1::2]):
            for name, value in zip(names.split(), values.split()):
                if name in wanted:
                    found[name] = int(value)
    return found


def descriptors(pid):
    import os

    try:
        return len(os.listdir(f"/proc/{pid}/fd"))
    except OSError:
        return 0
