#!/usr/bin/env python3
"""Whether the plan is right to store what is between operators, or not to: each chain with `--fuse always`, `auto` and
`never`, in turn.

    python3 benches/sweeps.py SCENE.tif [--swathe target/release/swathe] [--scratch DIR] [--memory 32MiB] [--rounds 3] [--chain N]

For each chain a line: how many sweeps `auto` takes, the median wall time and CPU time of each way, and `auto` as a
multiple of the faster of the two others. A line fails, and the program ends with 1, where that is above 1.1.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time

CHAINS = [
    "gaussian --sigma 2 ! median --size 5 ! sobel",
    "median --size 51 ! median --size 51",
    "gaussian --sigma 40 ! sobel ! variance --size 101",
    "median --size 25 ! gaussian --sigma 30 ! mean --size 201",
    "erode --size 101 ! mean --size 151 ! erode --size 101",
]
WAYS = ["always", "auto", "never"]


def run(command):
    """Wall time and CPU time of a command, in seconds."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    begun = time.monotonic()
    subprocess.run(command, check=True)
    wall = time.monotonic() - begun
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main():
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("scene")
    words.add_argument("--swathe", default="target/release/swathe")
    words.add_argument("--scratch")
    words.add_argument("--memory", default="32MiB")
    words.add_argument("--rounds", type=int, default=3)
    words.add_argument("--chain", type=int, action="append", help="only this one, counted from 0")
    words = words.parse_args()
    wrong = 0
    with tempfile.TemporaryDirectory(dir=words.scratch) as folder:
        output, report = os.path.join(folder, "o.tif"), os.path.join(folder, "r.json")
        for number, chain in enumerate(CHAINS):
            if words.chain and number not in words.chain:
                continue
            times, sweeps = {way: [] for way in WAYS}, {}
            for turn in range(words.rounds):
                # Whoever comes behind one that has written much finds another page cache.
                for way in WAYS[turn % 3 :] + WAYS[: turn % 3]:
                    command = [words.swathe, "pipeline", "--fuse", way, "--memory", words.memory, "--threads", "2"]
                    command += ["--scratch", folder, "--flush", "no", "--receipt", "no", "--quiet", "--report", report]
                    command += ["!", "read", words.scene, "!", *chain.split(), "!", "write", output, "--overwrite"]
                    times[way].append(run(command))
                    with open(report) as text:
                        sweeps[way] = json.load(text)["plan"]["fusion"]["sweeps"]
            median = {way: [statistics.median(part) for part in zip(*times[way])] for way in WAYS}
            ratio = median["auto"][0] / min(median["always"][0], median["never"][0])
            wrong += ratio > 1.1
            figures = "; ".join(f"{way} {wall:.2f} s wall, {cpu:.2f} s CPU" for way, (wall, cpu) in median.items())
            print(f"{number} auto in {sweeps['auto']}: {figures}; auto / best {ratio:.2f}  {chain}", flush=True)
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
