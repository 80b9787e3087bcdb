#!/usr/bin/env python3
"""Accumulations and integrals at full scale, right at the far corner: against sums by numpy, within a budget.

    cargo build --release -p swathe-benches --bin far_corner
    python3 benches/far_corner.py --program target/release/far_corner --scene FILE [--memory 256]

The program computes all of the raster and keeps its last pixel, since 80,000 x 60,000 sums are 38 GB. Exits with 1 where a pixel is
wrong or a peak above the budget. Needs numpy and rasterio, and no room on the disk.
"""
import argparse
import re
import subprocess
import sys

import numpy as np
import rasterio


def sums(scene):
    """The far corner's sum of all, of its column and of its row, and its column's maximum, by numpy."""
    with rasterio.open(scene) as source:
        total, column, most = 0, 0, 0
        for y in range(0, source.height, 512):
            block = source.read(1, window=rasterio.windows.Window(0, y, source.width, min(512, source.height - y)))
            total += int(block.sum(dtype=np.uint64))
            column += int(block[:, -1].sum(dtype=np.uint64))
            most = max(most, int(block[:, -1].max()))
        return {"accumulate axis=y": column, "accumulate axis=x": int(block[-1].sum(dtype=np.uint64)),
                "accumulate axis=y op=max": most, "integral": total, "integral pad1=true": total}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--program", default="target/release/far_corner")
    parser.add_argument("--scene", required=True)
    parser.add_argument("--memory", default=256, type=int, help="the budget in MiB")
    arguments = parser.parse_args()
    failed = False
    for words, expected in sums(arguments.scene).items():
        said = subprocess.run([arguments.program, arguments.scene, f"{arguments.memory}MiB", *words.split()],
                              check=True, text=True, stdout=subprocess.PIPE).stdout.strip()
        found, peak = int(re.search(r"Integer\((-?\d+)\)", said)[1]), int(re.search(r"peak (\d+) KiB", said)[1])
        held = found == expected and peak <= arguments.memory * 1024
        failed |= not held
        print(f"{'held' if held else 'NOT HELD'}: {said}; numpy {expected}", flush=True)
    sys.exit(failed)


if __name__ == "__main__":
    main()
