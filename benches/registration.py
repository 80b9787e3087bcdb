#!/usr/bin/env python3
"""`register` and `flow` against known shifts and against numpy and scipy in memory.

    python3 benches/registration.py --swathe target/release/swathe --dir DIR [shift] [peak] [flow] [motion] [largest --scene FILE]

shift   two scenes (--size, 20000x15000) of the same land, the second moved by thirds of a pixel: means of 3 x 3 pixels of a scene
        three times as large, by numpy, from corners that differ by pixels of the large one. By FFT and by chips, within
        --memory (256), against the shift that follows from the corners.
peak    two rasters of --side (8192) pixels each way: the same by scipy.fft in f32 with two workers, and by numpy.fft in f64.
flow    the direct form on 4096 x 4096: the numpy program of the seed (running sums), and the peak at four times the pixels.
largest  two scenes (--size) out of the raster --scene, which is larger by a pixel: means of two pixels beside each other and of two
        one above the other, so that one is half a pixel away from the other along both axes. Within --memory; the plan's scratch beside
        what lies there while it runs and afterwards. Needs 12 bytes a pixel in DIR.
motion  the pyramidal form and cv2.calcOpticalFlowPyrLK on a smooth land moved by 6.3 and -4.6 pixels.

Programs run in turn, --rounds (3) times; medians of CPU time (user and system), the children's own ru_maxrss. Needs numpy, scipy,
rasterio, tifffile and OpenCV, and for `shift` some 7 GB in DIR. Removes what it makes. Exits with 1 where a promise did not hold.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

MIB = 1 << 20

SCIPY = """
import sys, numpy as np, scipy.fft as sf
a, b = (np.load(path).astype(np.float32) for path in sys.argv[1:3])
n, m = a.shape
window = np.outer(np.hamming(n), np.hamming(m)).astype(np.float32)
one, other = ((r - r.mean()) * window for r in (a, b))
scale = np.sqrt((one.astype(np.float64) ** 2).sum() * (other.astype(np.float64) ** 2).sum())
f = sf.rfft2(one, workers=2); g = sf.rfft2(other, workers=2)
c = sf.irfft2(np.conj(f) * g, s=a.shape, workers=2)
y, x = np.unravel_index(c.argmax(), c.shape)
print(x - m if x > m // 2 else x, y - n if y > n // 2 else y, float(c[y, x]) / scale)
"""
NUMPY = SCIPY.replace("astype(np.float32)", "astype(np.float64)").replace("sf.rfft2(one, workers=2)", "np.fft.rfft2(one)") \
    .replace("sf.rfft2(other, workers=2)", "np.fft.rfft2(other)").replace("sf.irfft2(np.conj(f) * g, s=a.shape, workers=2)", "np.fft.irfft2(np.conj(f) * g, s=a.shape)")
SEED = """
import sys, numpy as np
im1, im2 = (np.load(path).astype(np.float64) for path in sys.argv[1:3]); win = 2
I_x = np.zeros(im1.shape); I_y = np.zeros(im1.shape); I_t = np.zeros(im1.shape)
I_x[1:-1, 1:-1] = (im1[1:-1, 2:] - im1[1:-1, :-2]) / 2
I_y[1:-1, 1:-1] = (im1[2:, 1:-1] - im1[:-2, 1:-1]) / 2
I_t[1:-1, 1:-1] = im1[1:-1, 1:-1] - im2[1:-1, 1:-1]
p = np.stack([I_x * I_x, I_y * I_y, I_x * I_y, I_x * I_t, I_y * I_t], -1)
c = np.cumsum(np.cumsum(p, 0), 1)
w = c[2*win+1:, 2*win+1:] - c[2*win+1:, :-1-2*win] - c[:-1-2*win, 2*win+1:] + c[:-1-2*win, :-1-2*win]
f = np.zeros(im1.shape + (2,)); det = w[..., 0] * w[..., 1] - w[..., 2] ** 2
with np.errstate(all='ignore'):
    x = np.where(det != 0, (w[..., 1] * w[..., 3] - w[..., 2] * w[..., 4]) / det, 0)
    y = np.where(det != 0, (w[..., 0] * w[..., 4] - w[..., 2] * w[..., 3]) / det, 0)
f[win+1:-1-win, win+1:-1-win, 0] = x[:-1, :-1]; f[win+1:-1-win, win+1:-1-win, 1] = y[:-1, :-1]
np.save(sys.argv[3], f)
"""


def timed(command):
    """Runs a command: its output, wall and CPU seconds, and its peak in bytes."""
    start = time.perf_counter()
    process = subprocess.Popen([str(word) for word in command], stdout=subprocess.PIPE, text=True)
    output = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"{command}: exit code {process.returncode}")
    return output, time.perf_counter() - start, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024


def in_turn(programs, rounds):
    """The programs' outputs, with medians of wall and CPU time and the greatest peak."""
    runs = {name: [] for name in programs}
    for _ in range(rounds):
        for name, command in programs.items():
            runs[name].append(timed(command))
    found = {}
    for name, all_runs in runs.items():
        wall, cpu = (statistics.median(run[i] for run in all_runs) for i in (1, 2))
        found[name] = (all_runs[-1][0], wall, cpu, max(run[3] for run in all_runs))
        print(f"  {name}: {wall:.2f} s, {cpu:.2f} CPU s, {found[name][3] / MIB:.0f} MiB", flush=True)
    return found


def scratch_bytes(pid):
    """Bytes on disk of the files that a process holds open and that have no name any more."""
    total = 0
    for link in Path(f"/proc/{pid}/fd").iterdir():
        try:
            if os.readlink(link).endswith(" (deleted)"):
                total += os.stat(link).st_blocks * 512
        except FileNotFoundError:
            pass
    return total


class Bench:
    def __init__(self, arguments):
        self.swathe, self.dir, self.rounds = arguments.swathe.resolve(), arguments.dir, arguments.rounds
        self.size = [int(side) for side in arguments.size.split("x")]
        self.side, self.memory, self.scene, self.failed = arguments.side, arguments.memory, arguments.scene, False

    def run(self, *words):
        return timed([self.swathe, *words])

    def holds(self, what, yes):
        print(f"  {'held' if yes else 'NOT HELD'}: {what}", flush=True)
        self.failed |= not yes

    def shift(self):
        import numpy as np
        import rasterio
        import tifffile
        (width, height), n, (ox, oy) = self.size, 3, (112, -38)
        large = self.dir / "large.tif"
        self.run("generate", large, "--size", f"{n * width + 200}x{n * height + 200}", "--progress", "none", "--quiet", "--receipt", "no")
        random = np.random.default_rng(5)

        def tiles(source, x, y):
            for row in range(0, height, 256):
                rows = min(256, height - row)
                block = source.read(1, window=rasterio.windows.Window(x, y + n * row, n * width, n * rows)).astype(np.float32)
                means = sum(block[i::n, j::n] for i in range(n) for j in range(n)) / (n * n)
                means += 8 * random.standard_normal(means.shape, dtype=np.float32)
                strip = np.zeros((256, -(-width // 256) * 256), np.uint16)
                strip[:rows, :width] = np.clip(np.rint(means), 0, 65535)
                yield from (strip[:, column:column + 256].copy() for column in range(0, width, 256))
        pair = [self.dir / name for name in ("reference.tif", "moved.tif")]
        corner = (max(ox, 0), max(oy, 0))
        with rasterio.open(large) as source:
            for path, (x, y) in zip(pair, (corner, (corner[0] - ox, corner[1] - oy))):
                tifffile.imwrite(path, tiles(source, x, y), shape=(height, width), dtype=np.uint16, tile=(256, 256), bigtiff=True)
        large.unlink()
        truth = (ox / n, oy / n)
        print(f"shift of {width} x {height}: {truth[0]:.4f}, {truth[1]:.4f}")
        report = self.dir / "report.json"
        for name, words in (("fft", []), ("chips", ["--method", "chips", "--initial", "fft"])):
            said, wall, cpu, _ = self.run("register", *pair, "--json", "--scratch", self.dir, "--memory", f"{self.memory}MiB",
                                          "--report", report, "--progress", "none", *words)
            found = json.loads(said)
            error = max(abs(found["dx"] - truth[0]), abs(found["dy"] - truth[1]))
            peak = max(run["measured_peak_bytes"] for run in json.loads(report.read_text()))
            print(f"  {name}: {found['dx']:.4f}, {found['dy']:.4f}, off by {error:.4f}; {wall:.1f} s, {cpu:.1f} CPU s, {peak / MIB:.0f} MiB")
            self.holds(f"{name}: within 0.05 pixels, and within {self.memory} MiB", error <= 0.05 and peak <= self.memory * MIB)
        for file in (*pair, report):
            file.unlink()

    def largest(self):
        import numpy as np
        import rasterio
        import tifffile
        width, height = self.size

        def tiles(source, along_x):
            for row in range(0, height, 256):
                rows = min(256, height - row)
                block = source.read(1, window=rasterio.windows.Window(0, row, width + 1, rows + 1)).astype(np.uint32)
                sums = block[:-1, :-1] + (block[:-1, 1:] if along_x else block[1:, :-1])
                strip = np.zeros((256, -(-width // 256) * 256), np.uint16)
                strip[:rows, :width] = (sums + 1) // 2
                yield from (strip[:, column:column + 256].copy() for column in range(0, width, 256))
        pair, scratch = [self.dir / name for name in ("reference.tif", "moved.tif")], self.dir / "scratch"
        scratch.mkdir(exist_ok=True)
        with rasterio.open(self.scene) as source:
            for path, along_x in zip(pair, (True, False)):
                tifffile.imwrite(path, tiles(source, along_x), shape=(height, width), dtype=np.uint16, tile=(256, 256), bigtiff=True)
        # What lies at x + 1/2 in the scene is at x in the first and at x + 1/2 in the second.
        truth = (0.5, -0.5)
        report, words = self.dir / "report.json", ["--scratch", scratch, "--memory", f"{self.memory}MiB", "--progress", "none"]
        foreseen = json.loads(self.run("register", *pair, *words, "--plan", "--json")[0])
        start, most = time.perf_counter(), 0
        command = [self.swathe, "register", *pair, *words, "--json", "--report", report]
        process = subprocess.Popen([str(word) for word in command], stdout=subprocess.PIPE, text=True)
        while not (ended := os.wait4(process.pid, os.WNOHANG))[0]:
            most = max(most, scratch_bytes(process.pid))
            time.sleep(0.1)
        wall, cpu = time.perf_counter() - start, ended[2].ru_utime + ended[2].ru_stime
        if ended[1]:
            sys.exit(f"{command}: {ended[1]}")
        found, passes = json.loads(process.stdout.read()), json.loads(report.read_text())
        error = max(abs(found["dx"] - truth[0]), abs(found["dy"] - truth[1]))
        peak = max(run["measured_peak_bytes"] for run in passes)
        print(f"largest: {width} x {height}, off by {error:.4f}; {wall:.0f} s, {cpu:.0f} CPU s (foreseen {foreseen['estimate']}); "
              f"{peak / MIB:.0f} MiB (foreseen {foreseen['predicted_peak_bytes'] / MIB:.0f}); scratch {most} bytes (foreseen {foreseen['disk_needed_bytes']})")
        self.holds(f"within 0.05 pixels, and within {self.memory} MiB", error <= 0.05 and peak <= self.memory * MIB)
        self.holds("no more scratch than foreseen, and none afterwards", most <= 1.001 * foreseen["disk_needed_bytes"] and not any(scratch.iterdir()))
        for file in (*pair, report):
            file.unlink()
        scratch.rmdir()

    def lands(self, side, dx, dy, height=None):
        """Two NPY rasters of one scene, cut from corners that differ by whole pixels."""
        height = height or side
        land = self.dir / "land.tif"
        self.run("generate", land, "--size", f"{side + 64}x{height + 64}", "--progress", "none", "--quiet", "--receipt", "no")
        pair = [self.dir / name for name in ("reference.npy", "moved.npy")]
        for path, (x, y) in zip(pair, ((32, 32), (32 - dx, 32 - dy))):
            self.run("copy", land, path, "--window", f"{x},{y},{side},{height}", "--progress", "none", "--quiet", "--receipt", "no")
        land.unlink()
        return pair

    def peak(self):
        pair = self.lands(self.side, 17, -9)
        print(f"peak of {self.side} x {self.side}")
        ours = [self.swathe, "register", *pair, "--json", "--subpixel", "none", "--scratch", self.dir, "--progress", "none", "--threads", "2"]
        found = in_turn({"swathe": ours, "scipy.fft": [sys.executable, "-c", SCIPY, *pair]}, self.rounds)
        x, y, value = timed([sys.executable, "-c", NUMPY, *pair])[0].split()
        said = json.loads(found["swathe"][0])
        print(f"  numpy in f64 {x}, {y}: {value}; swathe {said['whole']}: {said['peak']}")
        same = said["whole"] == {"dx": int(x), "dy": int(y)} and abs(said["peak"] - float(value)) < 1e-5
        self.holds("the peak of numpy.fft", same)
        wall, cpu, memory = (found["swathe"][i] / found["scipy.fft"][i] for i in (1, 2, 3))
        print(f"  of scipy.fft: {wall:.2f} of the wall time, {cpu:.2f} of the CPU time, {memory:.3f} of the memory")
        self.holds("at most 1.5 times the time of scipy.fft", cpu <= 1.5)
        self.holds("less than a tenth of its memory", memory < 0.1)
        for file in pair:
            file.unlink()

    def flow(self):
        import numpy as np
        print("flow of 4096 x 4096")
        pair = self.lands(4096, 1, 0)
        theirs, ours = self.dir / "theirs.npy", self.dir / "ours.npy"
        words = ["--type", "f64", "--overwrite", "--progress", "none", "--quiet", "--flush", "no", "--receipt", "no", "--memory", "64MiB"]
        found = in_turn({"swathe": [self.swathe, "flow", *pair, ours, *words],
                         "numpy": [sys.executable, "-c", SEED, *pair, theirs]}, self.rounds)
        ratio = found["numpy"][2] / found["swathe"][2]
        print(f"  {ratio:.1f} times the CPU time, {found['numpy'][1] / found['swathe'][1]:.1f} times the wall time")
        self.holds("at least 10 times as fast", ratio >= 10)
        for file in pair:
            file.unlink()
        # Before anything is loaded here: a child's ru_maxrss begins with what its parent holds.
        pair, more = self.lands(4096, 1, 0, height=16384), self.dir / "more.npy"
        peak = self.run("flow", *pair, more, *words)[3]
        print(f"  4096 x 16384: {peak / MIB:.0f} MiB")
        self.holds("memory does not grow with the raster", peak <= 1.1 * found["swathe"][3])
        a, b = np.load(ours, mmap_mode="r"), np.moveaxis(np.load(theirs, mmap_mode="r"), -1, 0)
        # The seed's running sums lose digits over the raster; where it has them all, near the corner, they are the same.
        print(f"  greatest difference in the first 64 x 64 pixels {np.abs(a[:, :64, :64] - b[:, :64, :64]).max():.1e}")
        for file in (*pair, more, ours, theirs):
            file.unlink()

    def motion(self):
        import cv2
        import numpy as np
        from scipy import ndimage
        random, truth, side, margin = np.random.default_rng(9), (6.3, -4.6), 512, 32
        large = ndimage.gaussian_filter(random.standard_normal((side + 2 * margin,) * 2), 2.5)
        moved = np.fft.ifft2(ndimage.fourier_shift(np.fft.fft2(large), truth[::-1])).real
        cut = np.s_[margin:-margin, margin:-margin]
        rasters = [np.clip(np.rint(128 + 40 * r[cut] / large.std()), 0, 255).astype(np.uint8) for r in (large, moved)]
        pair = [self.dir / name for name in ("previous.npy", "next.npy")]
        for path, raster in zip(pair, rasters):
            np.save(path, raster)
        out = self.dir / "motion.npy"
        self.run("flow", *pair, out, "--method", "pyrlk", "--window", "15", "--quiet", "--receipt", "no")
        y, x = np.mgrid[48:side - 48:8, 48:side - 48:8]
        points = np.stack([x, y], -1).reshape(-1, 1, 2).astype(np.float32)
        criteria = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 30, 0.01)
        theirs, status, _ = cv2.calcOpticalFlowPyrLK(*rasters, points, None, winSize=(15, 15), maxLevel=2, criteria=criteria)
        dx, dy = np.load(out)
        errors = {"swathe": np.hypot(dx[y, x] - truth[0], dy[y, x] - truth[1]).ravel(),
                  "cv2": np.hypot(*((theirs - points)[:, 0].T - np.array(truth)[:, None]))[status[:, 0] == 1]}
        print(f"motion of {truth} pixels, distance from it at {points.shape[0]} pixels")
        for name, error in errors.items():
            print(f"  {name}: median {np.median(error):.4f}, 95 % {np.percentile(error, 95):.4f}")
        self.holds("median below 0.02, 95 % below 0.1", np.median(errors["swathe"]) < 0.02 and np.percentile(errors["swathe"], 95) < 0.1)
        for file in (*pair, out):
            file.unlink()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("parts", nargs="*", default=["shift", "peak", "flow", "motion"])
    parser.add_argument("--swathe", default="target/release/swathe", type=Path)
    parser.add_argument("--dir", required=True, type=Path)
    parser.add_argument("--size", default="20000x15000")
    parser.add_argument("--side", default=8192, type=int)
    parser.add_argument("--memory", default=256, type=int, help="the budget of `shift` in MiB")
    parser.add_argument("--scene", type=Path, help="the raster that `largest` cuts its scenes from")
    parser.add_argument("--rounds", default=3, type=int)
    arguments = parser.parse_args()
    arguments.dir.mkdir(parents=True, exist_ok=True)
    bench = Bench(arguments)
    for part in arguments.parts:
        getattr(bench, part)()
    sys.exit(bench.failed)


if __name__ == "__main__":
    main()
