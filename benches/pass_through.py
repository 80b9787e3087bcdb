#!/usr/bin/env python3
"""A folder shown at another place through FUSE, by a program that can be killed; for `lost_mount.sh`.

    python3 benches/pass_through.py FOLDER PLACE

Needs /dev/fuse and fusepy (Debian's python3-fusepy). Runs until it is killed.
"""
import errno
import os
import sys

try:
    from fuse import FUSE, FuseOSError, Operations
except ImportError:
    from fusepy import FUSE, FuseOSError, Operations

STAT = ("st_atime", "st_ctime", "st_gid", "st_mode", "st_mtime", "st_nlink", "st_size", "st_uid")
STATVFS = ("f_bavail", "f_bfree", "f_blocks", "f_bsize", "f_favail", "f_ffree", "f_files", "f_flag", "f_frsize", "f_namemax")


class PassThrough(Operations):
    """Every call is made in the folder."""

    def __init__(self, folder):
        self.folder = os.path.realpath(folder)

    def __call__(self, name, *arguments):
        try:
            return super().__call__(name, *arguments)
        except FuseOSError:
            raise
        except OSError as error:
            raise FuseOSError(error.errno or errno.EIO) from error

    def _at(self, path):
        return os.path.join(self.folder, path.lstrip("/"))

    def getattr(self, path, fh=None):
        status = os.lstat(self._at(path))
        return {name: getattr(status, name) for name in STAT}

    def statfs(self, path):
        status = os.statvfs(self._at(path))
        return {name: getattr(status, name) for name in STATVFS}

    def readdir(self, path, fh):
        return [".", "..", *os.listdir(self._at(path))]

    def open(self, path, flags):
        return os.open(self._at(path), flags)

    def create(self, path, mode, fi=None):
        return os.open(self._at(path), os.O_RDWR | os.O_CREAT, mode)

    def read(self, path, size, offset, fh):
        return os.pread(fh, size, offset)

    def write(self, path, data, offset, fh):
        return os.pwrite(fh, data, offset)

    def truncate(self, path, length, fh=None):
        os.truncate(self._at(path), length)

    def chmod(self, path, mode):
        os.chmod(self._at(path), mode)

    def unlink(self, path):
        os.unlink(self._at(path))

    def rename(self, old, new):
        os.rename(self._at(old), self._at(new))

    def fsync(self, path, datasync, fh):
        os.fsync(fh)

    def release(self, path, fh):
        os.close(fh)


if __name__ == "__main__":
    FUSE(PassThrough(sys.argv[1]), sys.argv[2], foreground=True, nothreads=True)
