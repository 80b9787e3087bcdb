"""Swathe beside its peers on one scene: wall time, CPU, peak memory and pixels, taken in turn. See README.md.

    python3 benches/peers/bench.py --swathe target/release/swathe --dir DIR [--size 20000x15000] [--rounds 3]
                                   [--jobs gaussian,mean3,mean101] [--only swathe,tilecv] [--json FILE]
"""

import argparse
import array
import json
import math
import os
import platform
import shutil
import statistics
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

from jobs import GROWTH, JOBS, MASKS, Peer

HERE = Path(__file__).resolve().parent
CROP = 1024  # across several blocks of 256 and the tiles of most entrants


class Entrant(NamedTuple):
    name: str
    command: list
    output: Path
    flushed: bool = False
    environment: dict = {}
    pixels: bool = False


class Run(NamedTuple):
    wall_s: float
    cpu_s: float
    peak_mb: float


def entrants(job, options, scene):
    """The entrants of one job in the order they run."""
    run = ["--memory", "256MiB", "--threads", "2", "--progress", "none"]

    def entrant(name, peer):
        output = options.dir / peer.output
        places = {"input": scene.tiff, "second": scene.second, "raw": scene.raw, "output": output, "dir": options.dir,
                  "size": options.size, "here": HERE, "python": options.python, "swathe": options.swathe, "run": " ".join(run)}
        words = [word.format(**places) for word in peer.command]
        return Entrant(name, words, output, peer.flushed, peer.environment, peer.pixels)

    peers = {name: peer for name, peer in job.peers.items() if name.startswith("cp")}
    if options.swathe:
        # Behind the command's name, where a pipeline wants them too.
        name, *words = job.swathe
        command = [str(options.swathe), name, *run]
        peers |= {"swathe, flushed": Peer([*command, *words], flushed=True),
                  "swathe": Peer([*command, "--flush", "no", *words])}
    field = [entrant(name, peer) for name, peer in (peers | job.peers).items()]
    return [each for each in field if not options.only or each.name.startswith(tuple(options.only))]


def remove_output(entrant):
    """Nothing is there, but the folder where one is asked for."""
    if entrant.output.suffix:
        entrant.output.unlink(missing_ok=True)
    else:
        shutil.rmtree(entrant.output, ignore_errors=True)
        entrant.output.mkdir()


def measure(entrant):
    """Runs the entrant in a process of its own; None, with its words on stderr, if it fails."""
    remove_output(entrant)
    os.sync()  # nobody pays for what the one before left dirty
    measure_it = [sys.executable, "-I", "-S", HERE / "measure.py", *entrant.command]
    done = subprocess.run(measure_it, capture_output=True, text=True, errors="replace", check=True,
                          stdin=subprocess.DEVNULL, env={**os.environ, **entrant.environment})
    wall_s, cpu_s, peak_kib, code = done.stdout.split()
    if code != "0":
        print(f"{entrant.name}: exit {code}: {done.stderr.strip()}", file=sys.stderr)
        return None
    return Run(float(wall_s), float(cpu_s), float(peak_kib) * 1024 / 1e6)


def warm(path):
    """Reads the file, so that it lies in the page cache."""
    with open(path, "rb", buffering=0) as file:
        while file.read(1 << 24):
            pass


def crops(size, scale):
    """Windows to compare: one in the middle, one at the corner where the edge rules show."""
    width, height = (round(int(side) * scale) for side in size.split("x"))
    crop_width, crop_height = min(CROP, width), min(CROP, height)
    middle = ((width - crop_width) // 2, (height - crop_height) // 2, crop_width, crop_height)
    return middle, (0, 0, crop_width, crop_height)


def read_crops(entrant, job, options):
    """The samples of both crops, each as an array of f64."""
    windows = crops(options.size, job.scale)
    if entrant.output.suffix == ".raw":
        return [read_raw(entrant.output, options.size, window) for window in windows]
    target = options.dir / "crop.raw"
    words = [",".join(map(str, window)) for window in windows]
    subprocess.run([options.python, "-W", "ignore", HERE / "pixels.py", entrant.output, target, "f8", *words], check=True)
    samples = little_endian("d", target.read_bytes())
    target.unlink()
    count = windows[0][2] * windows[0][3]
    return [samples[:count], samples[count:]]


def read_raw(path, size, window):
    """A window of a raw raster of u16 or f32, which its length tells apart."""
    raster_width, raster_height = map(int, size.split("x"))
    sample = path.stat().st_size // (raster_width * raster_height)
    x, y, width, height = window
    rows = []
    with open(path, "rb") as file:
        for row in range(y, y + height):
            file.seek(sample * (row * raster_width + x))
            rows.append(file.read(sample * width))
    return little_endian({2: "H", 4: "f"}[sample], b"".join(rows))


def little_endian(code, data):
    samples = array.array(code, data)
    if sys.byteorder == "big":
        samples.byteswap()
    return samples


def largest_difference(a, b):
    """0/0 is no number in some and nothing in others: not compared."""
    return max((abs(x - y) for x, y in zip(a, b, strict=True) if x == x and y == y), default=math.nan)


class Scene(NamedTuple):
    tiff: Path
    second: Path
    raw: Path


def prepare(options):
    """The scenes, the raw copy for the peer that maps it, and the masks of libvips."""
    options.dir.mkdir(parents=True, exist_ok=True)
    for size in MASKS:
        (options.dir / f"ones-{size}.mat").write_text(f"{size} 1 {size} 0\n{' '.join(['1'] * size)}\n")
    scene = options.scene or options.dir / f"scene-{options.size}.tif"
    second = options.second or options.dir / f"second-{options.size}.tif"
    for path, seed in ((scene, "7"), (second, "8")):
        if not path.exists() and (path == scene or "ndvi" in options.jobs):
            subprocess.run([options.swathe, "generate", path, "--size", options.size, "--type", "u16", "--seed", seed],
                           check=True)
    about = subprocess.run(["gdalinfo", scene], capture_output=True, text=True, check=True).stdout
    if "Block=256x256 Type=UInt16" not in about or "COMPRESSION=" in about:
        sys.exit(f"{scene}: not u16, uncompressed, tiled 256x256: the figures would say something else")
    raw = options.dir / f"scene-{options.size}.raw"
    width, height = map(int, options.size.split("x"))
    wanted = not options.only or any("scipy memmap".startswith(name) for name in options.only)
    if wanted and (not raw.exists() or raw.stat().st_size != 2 * width * height):
        subprocess.run([options.python, "-W", "ignore", HERE / "pixels.py", scene, raw, "u2"], check=True)
    return Scene(scene, second, raw)


def run_job(job_name, options, scene):
    """All rounds of one job: {entrant: [Run or None of each round]} and {entrant: crops}."""
    job = JOBS[job_name]
    field = entrants(job, options, scene)
    runs = {entrant.name: [] for entrant in field}
    pixels = {}
    for round_number in range(options.rounds):
        for entrant in field:
            if None in runs[entrant.name]:
                runs[entrant.name].append(None)  # it failed before
                continue
            for path in scene:
                if any(str(path) in word for word in entrant.command):
                    warm(path)
            run = measure(entrant)
            runs[entrant.name].append(run)
            if run and entrant.pixels and entrant.name not in pixels:
                pixels[entrant.name] = read_crops(entrant, job, options)
            remove_output(entrant)
            print(f"{job_name} {round_number + 1}/{options.rounds} {entrant.name}: "
                  f"{'failed' if run is None else f'{run.wall_s:.2f} s'}", file=sys.stderr)
    return field, runs, pixels


def median_of(runs, field):
    return statistics.median(getattr(run, field) for run in runs)


def ratio(runs, base, field):
    """The median over the rounds of this entrant's figure over the base's in the same round."""
    return statistics.median(getattr(a, field) / getattr(b, field) for a, b in zip(runs, base, strict=True))


def print_job(job_name, field, runs, pixels):
    print(f"\n## {job_name}\n")
    print("| entrant | wall s | CPU s | peak MB | wall / swathe | CPU / swathe | max difference | at the corner |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
    for entrant in field:
        mine = runs[entrant.name]
        if None in mine:
            print(f"| {entrant.name} | failed |")
            continue
        # Flushed with flushed, unflushed with unflushed.
        base = runs.get("swathe, flushed" if entrant.flushed else "swathe", [None])
        ratios = ["", ""] if None in base else [f"{ratio(mine, base, name):.2f}" for name in ("wall_s", "cpu_s")]
        differences = ["", ""]
        if entrant.name in pixels and "swathe" in pixels:
            differences = [f"{largest_difference(*pair):.3g}"
                           for pair in zip(pixels["swathe"], pixels[entrant.name], strict=True)]
        figures = [f"{median_of(mine, 'wall_s'):.2f}", f"{median_of(mine, 'cpu_s'):.2f}",
                   f"{median_of(mine, 'peak_mb'):.0f}"]
        print("| " + " | ".join([entrant.name, *figures, *ratios, *differences]) + " |")


def print_aims(results):
    """What was aimed at, beside what was found; runs that failed or were left out are passed over."""
    print("\n## Aims\n\n| figure | aim | found |\n| --- | ---: | ---: |")
    for job, runs in results.items():
        base = runs.get("swathe", [None])
        for peer, (field, least) in JOBS[job].aims.items():
            if None not in base + runs.get(peer, [None]):
                found = ratio(runs[peer], base, field)
                print(f"| {job}: {peer} / swathe, {field} | at least {least:.2f} | {found:.2f} |")
    for large, small, most in GROWTH:
        pair = [results.get(name, {}).get("swathe", [None]) for name in (large, small)]
        if None not in pair[0] + pair[1]:
            print(f"| swathe: {large} / {small}, cpu_s | at most {most:.2f} | {ratio(*pair, 'cpu_s'):.2f} |")


def arguments():
    parser = argparse.ArgumentParser(description="Swathe beside its peers on one scene.")
    parser.add_argument("--swathe", type=Path, help="the binary; without it the peers run alone (needs --scene)")
    parser.add_argument("--dir", type=Path, required=True, help="scratch folder: 3 times the scene's bytes")
    parser.add_argument("--size", default="20000x15000", help="width x height of the scene")
    parser.add_argument("--scene", type=Path, help="an existing u16 raster of that size, tiled 256x256, uncompressed")
    parser.add_argument("--second", type=Path, help="another one, for jobs of two bands")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--jobs", default=",".join(JOBS))
    parser.add_argument("--only", default="", help="entrants by the start of their names, comma separated")
    parser.add_argument("--python", type=Path, default=Path("target/peers-venv/bin/python"), help="made by setup.sh")
    parser.add_argument("--json", type=Path, help="every single measurement")
    options = parser.parse_args()
    options.jobs = options.jobs.split(",")
    options.only = [name for name in options.only.split(",") if name]
    for name in options.jobs:
        if name not in JOBS:
            parser.error(f"no job `{name}`: there are {', '.join(JOBS)}")
    if not options.swathe and not options.scene:
        parser.error("say --swathe, or --scene to run the peers alone")
    for tool in [options.python, "vips", "gdalinfo", *([options.swathe] if options.swathe else [])]:
        if shutil.which(tool) is None:
            parser.error(f"`{tool}` is not there: setup.sh installs the peers, `cargo build --release` makes swathe")
    return options


def main():
    options = arguments()
    scene = prepare(options)
    results = {}
    print(f"{platform.machine()}, {os.cpu_count()} CPUs; scene {options.size} u16, "
          f"{scene.tiff.stat().st_size / 1e6:.0f} MB, warm; {options.rounds} rounds in turn, medians")
    for job_name in options.jobs:
        field, runs, pixels = run_job(job_name, options, scene)
        results[job_name] = runs
        print_job(job_name, field, runs, pixels)
    print_aims(results)
    if options.json:
        plain = {job: {name: [run and run._asdict() for run in runs] for name, runs in by_name.items()}
                 for job, by_name in results.items()}
        options.json.write_text(json.dumps({"size": options.size, "runs": plain}, indent=1) + "\n")
    failed = any(None in runs for by_name in results.values() for runs in by_name.values())
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
