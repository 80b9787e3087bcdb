#!/usr/bin/env python3
"""What GDAL sees of a raster before and after it went through Swathe: every difference of `gdalinfo -json` is printed.

    python3 benches/gdal_round_trip.py --swathe target/release/swathe --dir DIR      (needs gdalinfo and rasterio)

Exits with 1 where anything differs but the block size.
"""
import argparse
import json
import subprocess
from pathlib import Path

import numpy as np
import rasterio
from rasterio.control import GroundControlPoint
from rasterio.transform import Affine


def info(path):
    seen = json.loads(subprocess.run(["gdalinfo", "-json", path], capture_output=True, text=True, check=True).stdout)
    for key in ("description", "files"):
        seen.pop(key, None)
    for band in seen["bands"]:
        band.pop("block", None)
    return seen


def differences(before, after, path=""):
    if isinstance(before, dict) and isinstance(after, dict):
        for key in sorted(set(before) | set(after)):
            yield from differences(before.get(key), after.get(key), f"{path}/{key}")
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for index, pair in enumerate(zip(before, after)):
            yield from differences(*pair, f"{path}[{index}]")
    elif before != after:
        yield f"{path}: {before} | {after}"


def rasters(folder):
    random = np.random.default_rng(0)
    for kind, nodata in [("uint16", 0), ("int16", -9999), ("float32", float("nan")), ("uint8", None)]:
        path = folder / f"round-trip-{kind}.tif"
        photometric = "RGB" if kind == "uint8" else "MINISBLACK"
        with rasterio.open(path, "w", driver="GTiff", width=300, height=200, count=3, dtype=kind, nodata=nodata, tiled=True,
                           crs="EPSG:32633", transform=Affine(10, 0, 399960, 0, -10, 5300040), photometric=photometric) as file:
            file.write((random.random((3, 200, 300)) * 200).astype(kind))
            file.update_tags(AREA_OR_POINT="Point", SENSOR="S2", note="ä & <x>")
            file.update_tags(1, gain="2.5")
            file.set_band_description(1, "red")
            file.scales, file.offsets, file.units = (0.1, 0.2, 1), (1, 0, 0), ("m", "", "K")
        yield path
    path = folder / "round-trip-points.tif"
    points = [GroundControlPoint(0, 0, 1, 2), GroundControlPoint(20, 0, 1, 4), GroundControlPoint(0, 30, 5, 2)]
    with rasterio.open(path, "w", driver="GTiff", width=30, height=20, count=1, dtype="uint8", gcps=points, crs="EPSG:4326") as file:
        file.write(np.zeros((1, 20, 30), "uint8"))
    yield path
    path = folder / "round-trip-palette.tif"
    with rasterio.open(path, "w", driver="GTiff", width=30, height=20, count=1, dtype="uint8") as file:
        file.write(np.zeros((1, 20, 30), "uint8"))
        file.write_colormap(1, {0: (1, 2, 3, 255), 5: (9, 8, 7, 255)})
    yield path


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--swathe", default="target/release/swathe")
    parser.add_argument("--dir", type=Path, required=True)
    options = parser.parse_args()
    failed = False
    for path in rasters(options.dir):
        after = options.dir / "round-trip-after.tif"
        for command in (["copy"], ["gaussian", "--sigma", "1"], ["copy", "--compress", "zstd"]):
            if "palette" in path.name and command[0] != "copy":
                continue
            subprocess.run([options.swathe, command[0], path, after, *command[1:], "--overwrite", "--quiet"], check=True)
            found = [line for line in differences(info(path), info(after)) if "/metadata/IMAGE_STRUCTURE" not in line]
            print(path.name, *command, "-", "the same" if not found else "\n  ".join(["differs", *found]))
            failed |= bool(found)
            after.unlink()
        path.unlink()
    raise SystemExit(failed)


if __name__ == "__main__":
    main()
