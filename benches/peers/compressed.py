"""Compressed TIFF and COG: Swathe beside GDAL and libvips, strips beside tiles, journals beside none, in turn. See README.md.

    python3 benches/peers/compressed.py --swathe target/release/swathe --dir DIR [--size 20000x15000] [--rounds 3]
                                        [--jobs cog,deflate,gaussian,strips,journal] [--json FILE]
"""

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

from bench import Entrant, measure, median_of, ratio, warm

THREADS = "2"
STRIPS = ("1", "8", "64")
# What libvips writes at where nothing is said (`vips tiffsave`: level, default 10), and GDAL's defaults of COG and GTiff.
VIPS_ZSTD, GDAL_ZSTD, GDAL_DEFLATE = "10", "9", "6"
GAUSSIAN = ["--sigma", "2.2", "--size", "11", "--boundary", "mirror"]


class Field:
    """The scenes, made when they are first asked for, and the entrants."""

    def __init__(self, options):
        self.options, self.folder = options, options.dir
        self.output = options.dir / "out.tif"
        self.scene = options.scene or self.made("scene.tif", "generate", "--size", options.size, "--type", "u16",
                                                "--seed", "7")

    def made(self, name, operator, *words, source=None):
        path = self.folder / name
        if not path.exists():
            inputs = [] if source is None else [source]
            command = [self.options.swathe, operator, *inputs, path, *words, "--receipt", "no", "--progress", "none"]
            subprocess.run(list(map(str, command)), check=True)
        return path

    def stored(self, name, *words):
        """The scene in another layout."""
        return self.made(name, "copy", *words, source=self.scene)

    def swathe(self, name, operator, source, *words, journal=False):
        keep = [] if journal else ["--journal", "no", "--receipt", "no"]
        run = ["--memory", "256MiB", "--threads", THREADS, "--flush", "no", "--overwrite", "--progress", "none"]
        command = [self.options.swathe, operator, source, self.output, *words, *run, *keep]
        return source, Entrant(name, list(map(str, command)), self.output)

    def gdal(self, name, source, *words):
        command = ["gdal_translate", "-q", *words, str(source), str(self.output)]
        return source, Entrant(name, command, self.output, environment={"GDAL_NUM_THREADS": "ALL_CPUS"})


def cog(field):
    """The scene as a ZSTD COG with overviews of averages, blocks of 512."""
    creation = ["COMPRESS=ZSTD", f"LEVEL={GDAL_ZSTD}", "PREDICTOR=YES", "OVERVIEW_RESAMPLING=AVERAGE",
                "BIGTIFF=IF_SAFER", "NUM_THREADS=ALL_CPUS"]
    words = [word for option in creation for word in ("-co", option)]
    return [field.swathe("swathe", "copy", field.scene, "--format", "cog", "--compress", f"zstd:{GDAL_ZSTD}"),
            field.gdal("gdal_translate -of COG", field.scene, "-of", "COG", *words)]


def deflate(field):
    """The scene as a Deflate TIFF in tiles of 256."""
    creation = ["COMPRESS=DEFLATE", f"ZLEVEL={GDAL_DEFLATE}", "PREDICTOR=2", "TILED=YES", "BIGTIFF=IF_SAFER",
                "NUM_THREADS=ALL_CPUS"]
    words = [word for option in creation for word in ("-co", option)]
    return [field.swathe("swathe", "copy", field.scene, "--compress", f"deflate:{GDAL_DEFLATE}", "--block", "256x256"),
            field.gdal("gdal_translate", field.scene, *words)]


def gaussian(field):
    """An 11 x 11 gaussian from a Deflate scene in tiles of 256 to a ZSTD one."""
    source = field.stored("deflate-256.tif", "--compress", "deflate:6", "--block", "256x256")
    layout = f"[tile,tile-width=256,tile-height=256,compression=zstd,predictor=horizontal,level={VIPS_ZSTD},bigtiff]"
    blur = ["vips", "gaussblur", str(source), f"{field.output}{layout}", "2.2", "--min-ampl", "0.05"]
    return [field.swathe("swathe", "gaussian", source, *GAUSSIAN, "--compress", f"zstd:{VIPS_ZSTD}", "--block", "256x256"),
            (source, Entrant("libvips", blur, field.output, environment={"VIPS_CONCURRENCY": THREADS}))]


def strips(field):
    """Scenes in strips as wide as the raster, each beside the tiled one of the same codec."""
    tables = []
    for codec in ("none", "deflate:6"):
        word = codec.split(":")[0]
        tiled = field.stored(f"{word}-256.tif", "--compress", codec, "--block", "256x256") if codec != "none" else field.scene
        striped = [(f"strips of {rows}", field.stored(f"{word}-strips-{rows}.tif", "--compress", codec, "--strips", rows))
                   for rows in STRIPS]
        for operator, words in (("gaussian", GAUSSIAN), ("copy", []), ("median", ["--size", "3"])):
            layout = ["--block", "256x256", "--compress", "none"]
            rivals = [field.swathe(name, operator, source, *words, *layout)
                      for name, source in [("tiles of 256", tiled), *striped]]
            tables.append((f"strips, {word}, {operator}", rivals))
    return tables


def journal(field):
    """What journal and receipt cost, with a fast codec."""
    tables = []
    for codec in ("zstd:1", "deflate:1"):
        for operator, words in (("copy", []), ("gaussian", GAUSSIAN)):
            what = [*words, "--compress", codec]
            tables.append((f"journal, {codec}, {operator}",
                           [field.swathe("without", operator, field.scene, *what),
                            field.swathe("journal and receipt", operator, field.scene, *what, journal=True)]))
    return tables


JOBS = {"cog": cog, "deflate": deflate, "gaussian": gaussian, "strips": strips, "journal": journal}


def remove(output):
    for path in output.parent.glob(output.name + "*"):
        path.unlink()


def run_table(name, rivals, options):
    """All rounds in turn; the first rival is what the others are set beside."""
    runs = {entrant.name: [] for _, entrant in rivals}
    sizes = {}
    for round_number in range(options.rounds):
        for source, entrant in rivals:
            warm(source)
            remove(entrant.output)
            run = measure(entrant)
            if run is None:
                sys.exit(f"{name}: {entrant.name} failed")
            runs[entrant.name].append(run)
            sizes[entrant.name] = entrant.output.stat().st_size
            remove(entrant.output)
            print(f"{name} {round_number + 1}/{options.rounds} {entrant.name}: {run.wall_s:.2f} s, CPU {run.cpu_s:.2f} s",
                  file=sys.stderr)
    base = rivals[0][1].name
    print(f"\n## {name}\n")
    print(f"| | wall s | CPU s | peak MB | file MB | wall / {base} | CPU / {base} |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: |")
    for rival, mine in runs.items():
        figures = [f"{median_of(mine, 'wall_s'):.2f}", f"{median_of(mine, 'cpu_s'):.2f}",
                   f"{median_of(mine, 'peak_mb'):.0f}", f"{sizes[rival] / 1e6:.1f}",
                   *[f"{ratio(mine, runs[base], what):.2f}" for what in ("wall_s", "cpu_s")]]
        print("| " + " | ".join([rival, *figures]) + " |", flush=True)
    return {rival: [run._asdict() for run in mine] for rival, mine in runs.items()}


def arguments():
    parser = argparse.ArgumentParser(description="Compressed TIFF and COG: Swathe beside GDAL and libvips.")
    parser.add_argument("--swathe", type=Path, required=True)
    parser.add_argument("--dir", type=Path, required=True, help="scratch folder: 6 times the scene's bytes")
    parser.add_argument("--size", default="20000x15000", help="width x height of the scene")
    parser.add_argument("--scene", type=Path, help="an existing u16 raster, tiled 256x256, uncompressed")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--jobs", default=",".join(JOBS))
    parser.add_argument("--json", type=Path, help="every single measurement")
    options = parser.parse_args()
    options.jobs = options.jobs.split(",")
    for name in options.jobs:
        if name not in JOBS:
            parser.error(f"no job `{name}`: there are {', '.join(JOBS)}")
    for tool in (options.swathe, "vips", "gdal_translate"):
        if shutil.which(tool) is None:
            parser.error(f"`{tool}` is not there: setup.sh installs the peers, `cargo build --release` makes swathe")
    return options


def main():
    options = arguments()
    options.dir.mkdir(parents=True, exist_ok=True)
    field = Field(options)
    print(f"{platform.machine()}, {os.cpu_count()} CPUs, {THREADS} threads; {options.scene or options.size} u16, warm; "
          f"{options.rounds} rounds in turn, medians")
    results = {}
    for name in options.jobs:
        made = JOBS[name](field)
        tables = made if isinstance(made[0][1], list) else [(JOBS[name].__doc__.rstrip("."), made)]
        for title, rivals in tables:
            results[title] = run_table(title, rivals, options)
    if options.json:
        options.json.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
