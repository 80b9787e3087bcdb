"""Swathe's local statistics and speckle filters beside programs for the same: CPU, wall time, peak memory, pixels.

    python3 benches/peers/spread.py --swathe target/release/swathe --dir DIR [--size 6000x4000] [--rounds 3]
                                    [--jobs variance101,enhanced-lee] [--only strips,otb] [--scene FILE] [--json FILE]

In turn, A B C A B C, each in a process of its own, on one scene of speckle, f32 unless another is given, tiled 256x256 and
read into the page cache; the ratio is the median over the rounds of (entrant / swathe) within a round. What scipy and OpenCV compute is in
spread_peers.py. OTB runs where `otbcli_Despeckle` is there, and is told to use as many threads.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).resolve().parent
THREADS = 2
LOOKS = "4"

# The job: Swathe's words; OTB's filter and its parameters, where it has the filter.
JOBS = {
    "mean101": (["mean", "--size", "101", "--boundary", "nearest"], None),
    "variance3": (["variance", "--size", "3", "--boundary", "nearest"], None),
    "variance101": (["variance", "--size", "101", "--boundary", "nearest"], None),
    "stddev7": (["stddev", "--size", "7", "--boundary", "nearest"], None),
    "lee": (["lee", "--size", "7", "--looks", LOOKS, "--boundary", "nearest"],
            ["lee", "-filter.lee.rad", "3", "-filter.lee.nblooks", LOOKS]),
    "kuan": (["kuan", "--size", "7", "--looks", LOOKS, "--boundary", "nearest"],
             ["kuan", "-filter.kuan.rad", "3", "-filter.kuan.nblooks", LOOKS]),
    "gamma-map": (["gamma-map", "--size", "7", "--looks", LOOKS, "--boundary", "nearest"],
                  ["gammamap", "-filter.gammamap.rad", "3", "-filter.gammamap.nblooks", LOOKS]),
    "frost": (["frost", "--size", "7", "--damping", "0.1", "--boundary", "nearest"],
              ["frost", "-filter.frost.rad", "3", "-filter.frost.deramp", "0.1"]),
    # OTB has no enhanced Lee; its Lee is the nearest.
    "enhanced-lee": (["enhanced-lee", "--size", "7", "--looks", LOOKS, "--boundary", "nearest"],
                     ["lee", "-filter.lee.rad", "3", "-filter.lee.nblooks", LOOKS]),
    "enhanced-frost": (["enhanced-frost", "--size", "7", "--looks", LOOKS, "--boundary", "nearest"], None),
}
# Costs that should not grow with the window: (job, job it is set beside).
GROWTH = (("variance101", "variance3"), ("variance101", "mean101"))


class Run(NamedTuple):
    wall_s: float
    cpu_s: float
    peak_mb: float


def entrants(job, options, scene):
    """{name: command}; each writes options.dir / NAME.tif."""
    words, otb = JOBS[job]
    swathe = [options.swathe, words[0], scene, options.dir / "swathe.tif", *words[1:], "--memory", "256MiB", "--threads",
              str(THREADS), "--overwrite", "--progress", "none", "--flush", "no"]
    field = {"swathe": swathe}
    for peer in ("scipy", "scipy strips", "opencv", "strips"):
        field[peer] = [options.python, HERE / "spread_peers.py", peer, job, scene, options.dir / f"{peer}.tif"]
    if otb and shutil.which("otbcli_Despeckle"):
        field["otb"] = ["otbcli_Despeckle", "-in", scene, "-out", options.dir / "otb.tif", "float", "-filter", *otb]
    return {name: command for name, command in field.items() if not options.only or name in ("swathe", *options.only)}


def measure(command):
    """One run; None, with its words on stderr, if it fails."""
    os.sync()  # nobody pays for what the one before left dirty
    environment = {**os.environ, "ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS": str(THREADS), "NUMEXPR_NUM_THREADS": str(THREADS)}
    done = subprocess.run([sys.executable, "-I", "-S", HERE / "measure.py", *command], capture_output=True, text=True,
                          errors="replace", check=True, stdin=subprocess.DEVNULL, env=environment)
    wall_s, cpu_s, peak_kib, code = done.stdout.split()
    if code != "0":
        print(f"{command[0]}: exit {code}: {done.stderr.strip()}", file=sys.stderr)
        return None
    return Run(float(wall_s), float(cpu_s), float(peak_kib) * 1024 / 1e6)


def warm(path):
    with open(path, "rb", buffering=0) as file:
        while file.read(1 << 24):
            pass


def compare(options, name):
    """The largest relative difference of a peer's pixels from Swathe's, and the share of pixels beyond 1e-4."""
    said = subprocess.run([options.python, HERE / "spread_peers.py", "compare", options.dir / "swathe.tif",
                           options.dir / f"{name}.tif"], capture_output=True, text=True, check=True)
    return said.stdout.split()


def run_job(job, options, scene):
    field = entrants(job, options, scene)
    runs, differences = {name: [] for name in field}, {}
    for number in range(options.rounds):
        for name, command in field.items():
            warm(scene)
            runs[name].append(measure([str(word) for word in command]))
            if name != "swathe" and number == 0 and runs[name][0] and runs["swathe"][0]:
                differences[name] = compare(options, name)
            print(f"{job} {number + 1}/{options.rounds} {name}", file=sys.stderr)
    for name in field:
        (options.dir / f"{name}.tif").unlink(missing_ok=True)
    return runs, differences


def median_of(runs, field):
    return statistics.median(getattr(run, field) for run in runs)


def ratio(runs, base, field):
    return statistics.median(getattr(a, field) / getattr(b, field) for a, b in zip(runs, base, strict=True))


def print_job(job, runs, differences):
    print(f"\n## {job}\n")
    print("| entrant | wall s | CPU s | peak MB | wall / swathe | CPU / swathe | largest difference | share beyond 1e-4 |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
    for name, mine in runs.items():
        if None in mine or None in runs["swathe"]:
            print(f"| {name} | failed |")
            continue
        figures = [f"{median_of(mine, 'wall_s'):.2f}", f"{median_of(mine, 'cpu_s'):.2f}", f"{median_of(mine, 'peak_mb'):.0f}",
                   f"{ratio(mine, runs['swathe'], 'wall_s'):.2f}", f"{ratio(mine, runs['swathe'], 'cpu_s'):.2f}"]
        print("| " + " | ".join([name, *figures, *differences.get(name, ["", ""])]) + " |")


def arguments():
    parser = argparse.ArgumentParser(description="Swathe's local statistics and speckle filters beside their peers.")
    parser.add_argument("--swathe", type=Path, required=True)
    parser.add_argument("--dir", type=Path, required=True, help="scratch folder: 6 times the scene's bytes")
    parser.add_argument("--size", default="6000x4000", help="width x height of the scene")
    parser.add_argument("--scene", type=Path, help="an existing one instead, of any sample type")
    parser.add_argument("--only", default="", help="peers by their names, comma separated")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--jobs", default=",".join(JOBS))
    parser.add_argument("--python", type=Path, default=Path("target/peers-venv/bin/python"), help="made by setup.sh")
    parser.add_argument("--json", type=Path, help="every single measurement")
    options = parser.parse_args()
    options.swathe = options.swathe.resolve()
    options.only = [name for name in options.only.split(",") if name]
    options.jobs = options.jobs.split(",")
    for job in options.jobs:
        if job not in JOBS:
            parser.error(f"no job `{job}`: there are {', '.join(JOBS)}")
    return options


def main():
    options = arguments()
    options.dir.mkdir(parents=True, exist_ok=True)
    scene = options.scene or options.dir / f"speckle-{options.size}.tif"
    if not scene.exists():
        subprocess.run([options.swathe, "generate", scene, "--size", options.size, "--type", "f32", "--pattern", "sar",
                        "--seed", "7"], check=True)
    print(f"{os.cpu_count()} CPUs; scene {scene.name}, {scene.stat().st_size / 1e6:.0f} MB, warm; {options.rounds} rounds in turn, medians")
    results = {}
    for job in options.jobs:
        results[job], differences = run_job(job, options, scene)
        print_job(job, results[job], differences)
    for large, small in GROWTH:
        pair = [results.get(name, {}).get("swathe", [None]) for name in (large, small)]
        if None not in pair[0] + pair[1]:
            print(f"\nswathe, {large} / {small}: wall {ratio(*pair, 'wall_s'):.2f}, CPU {ratio(*pair, 'cpu_s'):.2f}")
    if options.json:
        plain = {job: {name: [run and run._asdict() for run in runs] for name, runs in by_name.items()}
                 for job, by_name in results.items()}
        options.json.write_text(json.dumps({"size": options.size, "runs": plain}, indent=1) + "\n")
    return 1 if any(None in runs for by_name in results.values() for runs in by_name.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
