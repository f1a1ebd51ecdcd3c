#!/usr/bin/env python3
"""Cut the power of one mounted filesystem: what is not yet on its device is lost.

FS_IOC_SHUTDOWN with NOLOGFLUSH (Linux, ext4 and xfs). Only for a loop mount made for a test.
"""
import fcntl
import os
import struct
import sys

FS_IOC_SHUTDOWN = 0x8004587D
NOLOGFLUSH = 2

mount = os.open(sys.argv[1], os.O_RDONLY)
fcntl.ioctl(mount, FS_IOC_SHUTDOWN, struct.pack("I", NOLOGFLUSH))
os.close(mount)
