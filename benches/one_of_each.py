#!/usr/bin/env python3
"""One operator of each kind on a scene larger than the budget, each in a memory control group of the budget and 32 MiB.

    python3 benches/one_of_each.py --swathe target/release/swathe --dir DIR [--size 80000x60000 | --scene FILE] [--memory 256] [--only NAME ...]

Prints, for each run, the predicted and the measured peak, the group's own peak, wall and CPU time, and whether it was
killed; exits with 1 where one was, or where a peak was above the budget. Needs root, cgroup v1 or v2, no swap, and room in
DIR for one output, and for the scene where `--scene` names none; removes what it makes.
"""
import argparse
import subprocess
import sys
from pathlib import Path

from full_scale import MIB, Group, run

KINDS = [
    ("point", "stretch", ["--percentiles", "2,98"]),
    ("point, of several inputs", "calc", None),
    ("smoothing", "gaussian", ["--sigma", "2.2"]),
    ("local statistics", "stddev", ["--size", "9", "--type", "u16"]),
    ("rank", "median", ["--size", "5"]),
    ("morphology", "open", ["--size", "15"]),
    ("edges", "sobel", ["--type", "i16"]),
    ("speckle", "enhanced-lee", ["--size", "7", "--looks", "4", "--type", "u16"]),
    ("terrain", "slope", []),
    ("geometry", "transpose", []),
    ("geometry", "resize", ["--scale", "0.5", "--method", "cubic"]),
    ("whole raster", "accumulate", ["--axis", "y", "--op", "max"]),
    ("compressed", "copy", ["--compress", "zstd:1"]),
    ("Cloud-Optimized GeoTIFF", "cog", ["--format", "cog", "--compress", "zstd:1"]),
    # Uncompressed they would take twice the scene; with blocks of more rows tiles would not fit 256 MiB.
    ("both ways", "components", ["--compress", "zstd:1", "--block", "512x64"]),
    ("both ways", "distance", ["--compress", "zstd:1", "--block", "512x64"]),
    ("motion", "flow", ["--window", "9", "--compress", "zstd:1"]),
    ("registration by chips", "register", ["--method", "chips"]),
    # Takes scratch of eight times a scene of 16 bits.
    ("registration by FFT", "fft", []),
    ("question", "stats", ["--percentiles", "2,50,98"]),
]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--swathe", default="target/release/swathe", type=Path)
    parser.add_argument("--dir", required=True, type=Path)
    parser.add_argument("--size", default="80000x60000")
    parser.add_argument("--scene", type=Path, help="a scene that is there already, instead of one of --size")
    parser.add_argument("--memory", default=256, type=int, help="the budget in MiB")
    parser.add_argument("--only", nargs="*", help="operators to run")
    arguments = parser.parse_args()
    arguments.dir.mkdir(parents=True, exist_ok=True)
    scene, output = arguments.scene or arguments.dir / "scene.tif", arguments.dir / "output.tif"
    report = arguments.dir / "report.json"
    swathe = str(arguments.swathe.resolve())
    if not arguments.scene:
        subprocess.run([swathe, "generate", str(scene), "--size", arguments.size, "--progress", "none", "--quiet"], check=True)
    failed = False
    for kind, operator, options in KINDS:
        if arguments.only and operator not in arguments.only:
            continue
        if operator == "calc":
            command = [swathe, "calc", str(output), "sqrt(A) * 2 + A", "-A", str(scene), "--type", "u16"]
        elif operator == "cog":
            command = [swathe, "copy", str(scene), str(output), *options]
        elif operator == "flow":
            command = [swathe, "flow", str(scene), str(scene), str(output), *options]
        elif operator in ("register", "fft"):
            scratch = ["--scratch", str(arguments.dir)] if operator == "fft" else []
            command = [swathe, "register", str(scene), str(scene), *options, *scratch]
        elif operator == "stats":
            command = [swathe, "stats", str(scene), *options]
        else:
            command = [swathe, operator, str(scene), str(output), *options]
        command += ["--memory", f"{arguments.memory}MiB", "--progress", "none", "--quiet"]
        group = Group((arguments.memory + 32) * MIB)
        figures = run(command, report, group)
        over = "failed" in figures or figures["measured"] > arguments.memory * MIB
        if "failed" in figures:
            said = f"exit code {figures['failed']} after {figures['wall']:.0f} s"
        else:
            said = (f"predicted {figures['predicted'] / MIB:.0f}, measured {figures['measured'] / MIB:.0f} MiB, "
                    f"{figures['wall']:.0f} s, {figures['cpu']:.0f} CPU s, {figures['limited_by']}")
        peak = group.leave()
        failed |= over
        print(f"{kind}: {operator}: {'NOT ' if over else ''}held: {said}; the group's peak {peak / MIB:.0f} MiB", flush=True)
        for file in (output, report, Path(f"{output}.receipt")):
            file.unlink(missing_ok=True)
    if not arguments.scene:
        scene.unlink(missing_ok=True)
    sys.exit(failed)


if __name__ == "__main__":
    main()
