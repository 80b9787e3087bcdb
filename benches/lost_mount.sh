#!/usr/bin/env bash
# A disk that is pulled under a run: an image behind a loop device loses its bytes while an input is read from it, and
# another takes no more of an output. Shows exit code and message, and that the run goes on when the disk is back. The same through
# FUSE, whose server is killed (fuse2fs, or fusepy with pass_through.py): of the input, and of the output. Needs root; what cannot be
# done here is said and left out.
#
#   bash benches/lost_mount.sh [SWATHE]
set -u
beside=$(dirname "$(realpath "$0")")
swathe=$(realpath "${1:-target/release/swathe}")
folder=$(mktemp -d)
cd "$folder" || exit 1
server=
trap 'umount -l disk thin 2>/dev/null; fusermount -uz disk 2>/dev/null; cd /; rm -rf "$folder"' EXIT
failed=0
check() { # name, wanted code, code, word, file of what was said
  if [ "$2" = "$3" ] && { [ -z "$4" ] || grep -q "$4" "$5"; }; then echo "well: $1: exit $3: $(tail -n1 "$5")"
  else echo "NOT WELL: $1: exit $3 instead of $2: $(cat "$5")"; failed=1; fi
}
python=$(for python in python3 /usr/bin/python3; do $python -c 'import fusepy' 2>/dev/null || $python -c 'import fuse' 2>/dev/null && echo $python && break; done)
put() { # mounts the image on `disk`, or shows a folder there
  case $1 in
    loop) mount -o loop image disk; return;;
    fuse2fs) fuse2fs -f image disk -o rw >/dev/null 2>&1 & server=$!;;
    fusepy) mkdir -p behind; "$python" "$beside/pass_through.py" behind disk >/dev/null 2>&1 & server=$!;;
  esac
  for _ in $(seq 100); do mountpoint -q disk && return; sleep 0.1; done; return 1
}
pull() { # takes the bytes away
  if [ "$1" = loop ]; then truncate -s 0 image; echo 3 >/proc/sys/vm/drop_caches
  else kill -9 "$server"; wait "$server" 2>/dev/null; fi
}
away() { umount -l disk 2>/dev/null || fusermount -uz disk; for _ in $(seq 100); do losetup -j image | grep -q . || break; sleep 0.1; done; }
at_work() { until [ "$(cat "$1" 2>/dev/null | wc -l)" -gt 4 ]; do kill -0 "$2" 2>/dev/null || return; sleep 0.01; done; }

[ "$(id -u)" = 0 ] || { echo "SKIPPED: only root mounts a disk"; exit 0; }
mkdir disk
options="--percentile 30 --size 41 --tile 256x256 --threads 2"
"$swathe" generate a.tif --size 2500x2000 --quiet
"$swathe" percentile a.tif reference.tif $options --quiet
for way in loop fuse2fs fusepy; do
  [ $way != fuse2fs ] || command -v fuse2fs >/dev/null || { echo "SKIPPED: no fuse2fs here"; continue; }
  [ $way != fusepy ] || [ -n "$python" ] || { echo "SKIPPED: no fusepy here"; continue; }
  truncate -s 64M image && mkfs.ext4 -q -F image && put $way || { echo "SKIPPED: $way: no disk can be mounted here"; continue; }
  cp a.tif disk/ && sync && cp image whole
  for io in pread mmap; do
    away; cp whole image; put $way; rm -f o.tif*
    "$swathe" percentile disk/a.tif o.tif $options --io $io 2>said & run=$!
    at_work o.tif.journal $run; pull $way
    wait $run; check "$way: the input's disk is pulled, $io" 4 $? 'a.tif' said
    ls o.tif 2>/dev/null && { echo "NOT WELL: an output has its name"; failed=1; }
    away; cp whole image; put $way
    "$swathe" percentile disk/a.tif o.tif $options --io $io --resume --quiet 2>said; check "$way: the disk is back" 0 $? '' said
    cmp o.tif reference.tif || failed=1
  done
  if [ $way != loop ]; then
    away; cp whole image; put $way
    "$swathe" percentile a.tif disk/o.tif $options 2>said & run=$!
    at_work disk/o.tif.journal $run; pull $way
    wait $run; check "$way: the output's disk is pulled" 1 $? 'o.tif' said
    away; put $way
    ls disk/o.tif 2>/dev/null && { echo "NOT WELL: an output has its name"; failed=1; }
    "$swathe" percentile a.tif disk/o.tif $options --resume --quiet 2>said; check "$way: the output's disk is back" 0 $? '' said
    cmp disk/o.tif reference.tif || failed=1
    rm -f disk/o.tif*
  fi
  away
done
# A disk that takes no more of what is written to it, which the kernel tells when it is flushed: a sparse image on a full one.
mkdir thin && mount -t tmpfs -o size=80m thin thin && truncate -s 64M thin/image && mkfs.ext4 -q -F thin/image && mount -o loop thin/image disk
left=$(df --output=avail -k thin | tail -n1)
head -c $(((left - 6144) * 1024)) /dev/zero >thin/filler
"$swathe" percentile a.tif disk/o.tif $options 2>said & run=$!
wait $run; check "the output's disk fails at the flush" 3 $? 'o.tif.*are kept' said
ls disk/o.tif 2>/dev/null && { echo "NOT WELL: an output has its name"; failed=1; }
exit $failed
