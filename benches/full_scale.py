#!/usr/bin/env python3
"""The main job at full scale: an 80,000 x 60,000 scene filtered within 256 MiB, free and in memory control groups.

    python3 benches/full_scale.py --swathe target/release/swathe --dir DIR [--size 80000x60000] [--small 20000x15000]

Prints, for each run, the predicted and the measured peak (VmHWM as the program reports it, and the kernel's own
ru_maxrss), wall and CPU time, and rates; and at the end what was promised and whether it held. Exits with 1 where it
did not. The control groups need root and cgroup v1 or v2; without them those runs are left out, and the script says so.
Needs about 20 GB in DIR, and removes what it makes.
"""
import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path

MIB = 1 << 20
FILTER = ["--sigma", "2.2", "--size", "11", "--progress", "none"]


class Group:
    """A memory control group with a limit, version 1 or 2; commands are started inside it."""

    def __init__(self, limit_bytes):
        self.limit_bytes = limit_bytes
        name = f"swathe_full_scale_{os.getpid()}"
        v1 = Path("/sys/fs/cgroup/memory")
        v2 = Path("/sys/fs/cgroup")
        if (v1 / "memory.limit_in_bytes").exists():
            self.folder, self.limit, self.peak = v1 / name, "memory.limit_in_bytes", "memory.max_usage_in_bytes"
        elif (v2 / "cgroup.controllers").exists():
            self.folder, self.limit, self.peak = v2 / name, "memory.max", "memory.peak"
        else:
            raise OSError("no memory controller is mounted")
        self.folder.mkdir()
        (self.folder / self.limit).write_text(str(limit_bytes))
        swap = self.folder / "memory.swap.max"
        if swap.exists():
            swap.write_text("0")

    def enter(self):
        (self.folder / "cgroup.procs").write_text(str(os.getpid()))

    def leave(self):
        """Reads the group's own peak and removes it, page cache and all."""
        peak = int((self.folder / self.peak).read_text()) if (self.folder / self.peak).exists() else 0
        empty = self.folder / "memory.force_empty"
        for _ in range(20):
            try:
                if empty.exists():
                    empty.write_text("0")
                self.folder.rmdir()
                break
            except OSError:
                time.sleep(0.5)
        return peak


def run(command, report, group=None):
    """Runs a command to its end; returns its report with the kernel's figures added."""
    report.unlink(missing_ok=True)
    print("  $", " ".join(str(word) for word in command), flush=True)
    start = time.monotonic()
    process = subprocess.Popen([str(word) for word in command] + ["--report", str(report)],
                               preexec_fn=group.enter if group else None)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    wall = time.monotonic() - start
    if process.returncode != 0:
        return {"failed": process.returncode, "wall": wall}
    figures = json.loads(report.read_text())
    # A question reports each of its sweeps: the one that takes most was foreseen to, and the process's peak is in the last.
    sweeps = figures if isinstance(figures, list) else [figures]
    figures = sweeps[-1]
    return {
        "predicted": max(sweep["plan"]["predicted_peak_bytes"] for sweep in sweeps),
        "measured": figures["measured_peak_bytes"],
        "budget": figures["plan"]["budget_bytes"],
        "maxrss": usage.ru_maxrss * 1024,
        "wall": wall,
        "cpu": usage.ru_utime + usage.ru_stime,
        "written": figures["written_bytes"],
        "limited_by": figures["limited_by"],
    }


def show(name, figures):
    if "failed" in figures:
        print(f"  {name}: FAILED with exit code {figures['failed']} after {figures['wall']:.0f} s")
        return
    print(f"  {name}: predicted peak {figures['predicted'] / MIB:.1f} MiB, measured {figures['measured'] / MIB:.1f} MiB "
          f"(ru_maxrss {figures['maxrss'] / MIB:.1f}), budget {figures['budget'] / MIB:.0f} MiB; "
          f"{figures['wall']:.1f} s wall, {figures['cpu']:.1f} s CPU, "
          f"{figures['written'] / 1e6 / figures['wall']:.0f} MB/s written; {figures['limited_by']}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--swathe", default="target/release/swathe", type=Path)
    parser.add_argument("--dir", required=True, type=Path)
    parser.add_argument("--size", default="80000x60000")
    parser.add_argument("--small", default="20000x15000")
    parser.add_argument("--operator", default="gaussian")
    parser.add_argument("--compress", default="none", help="of the scenes and the outputs, such as zstd:1")
    parser.add_argument("--keep-scene", action="store_true")
    arguments = parser.parse_args()
    arguments.dir.mkdir(parents=True, exist_ok=True)
    scene, small = arguments.dir / "full_scale_scene.tif", arguments.dir / "full_scale_small.tif"
    output, report = arguments.dir / "full_scale_output.tif", arguments.dir / "full_scale_report.json"
    swathe = arguments.swathe.resolve()
    for path, size in ((scene, arguments.size), (small, arguments.small)):
        if not path.exists():
            print(f"making {path.name}, {size}", flush=True)
            start = time.monotonic()
            subprocess.run([swathe, "generate", path, "--size", size, "--type", "u16", "--seed", "7", "--progress", "none",
                            "--compress", arguments.compress], check=True)
            print(f"  {time.monotonic() - start:.0f} s, {path.stat().st_size / 1e9:.2f} GB")

    def filtered(source, *options, group=None):
        output.unlink(missing_ok=True)
        words = FILTER if arguments.operator == "gaussian" else FILTER[4:]
        words = [*words, "--compress", arguments.compress]
        figures = run([swathe, arguments.operator, source, output, *words, *options], report, group)
        for made in (output, output.with_name(output.name + ".receipt")):
            made.unlink(missing_ok=True)
        return figures

    promises = []
    print("within a budget of 256 MiB")
    small_run = filtered(small, "--memory", "256MiB")
    show(arguments.small, small_run)
    full_run = filtered(scene, "--memory", "256MiB")
    show(arguments.size, full_run)
    if "failed" in small_run or "failed" in full_run:
        promises.append(("both runs complete", False))
    else:
        peak = max(full_run["measured"], full_run["maxrss"])
        growth = peak / max(small_run["measured"], small_run["maxrss"]) - 1
        promises.append((f"peak of {peak / MIB:.1f} MiB is at most 256 MiB", peak <= 256 * MIB))
        promises.append((f"predicted {full_run['predicted'] / MIB:.1f} MiB is at least that", full_run["predicted"] >= peak))
        promises.append((f"peak grows by {100 * growth:.1f} %, less than 5 %", growth < 0.05))
    for limit in (256, 128):
        print(f"in a control group of {limit} MiB, budget picked by the program")
        try:
            group = Group(limit * MIB)
        except OSError as error:
            print(f"  left out: {error}")
            continue
        figures = filtered(scene, group=group)
        peak = group.leave()
        show(arguments.size, figures)
        print(f"  the group's own peak, page cache included: {peak / MIB:.1f} MiB")
        promises.append((f"completes in a control group of {limit} MiB", "failed" not in figures))
    for path in (scene, small):
        if not arguments.keep_scene:
            path.unlink(missing_ok=True)
    report.unlink(missing_ok=True)
    print()
    for promise, held in promises:
        print(("held:   " if held else "BROKEN: ") + promise)
    sys.exit(0 if all(held for _, held in promises) else 1)


if __name__ == "__main__":
    main()
