#!/usr/bin/env python3
"""One output by many workers: `shards.py JOB.toml OUTPUT [SHARDS]`.

Nothing but file names travels: every worker opens the files itself. With Dask or Ray in the place of the pool:

    futures = client.map(shard, range(1, shards + 1), retries=2)     # Dask: client = distributed.Client(...)
    distributed.wait(futures)

    ray.get([ray.remote(max_retries=2)(shard).remote(k) for k in range(1, shards + 1)])
"""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

SWATHE = os.environ.get("SWATHE", "swathe")


def main(job: str, output: str, shards: int) -> None:
    def shard(number: int) -> None:
        """Computes one; what another attempt left is gone on with."""
        options = ["--shard", f"{number}/{shards}", "--resume", "--quiet"]
        subprocess.run([SWATHE, "run", job, *options], check=True)

    with ThreadPoolExecutor(max_workers=min(shards, os.cpu_count() or 1)) as pool:
        list(pool.map(shard, range(1, shards + 1)))
    subprocess.run([SWATHE, "gather", output], check=True)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]) if len(sys.argv) > 3 else 8)
