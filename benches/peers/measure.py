"""Runs one command and prints what it took: wall s, CPU s, peak resident KiB, exit code.

    python3 -I -S measure.py COMMAND ...          (its words go to stderr)

A program of its own, and small: Linux counts into a child's peak what its parent held when it was started, so
bench.py, with its crops in memory, would raise the peak of everything it measures. What is left is about 10 MB.
"""

import os
import sys
import time


def main(command):
    to_stderr = [(os.POSIX_SPAWN_DUP2, 2, 1)]
    start = time.perf_counter()
    child = os.posix_spawnp(command[0], command, os.environ, file_actions=to_stderr)
    _, status, usage = os.wait4(child, 0)
    wall_s = time.perf_counter() - start
    print(wall_s, usage.ru_utime + usage.ru_stime, usage.ru_maxrss, os.waitstatus_to_exitcode(status))


if __name__ == "__main__":
    main(sys.argv[1:])
