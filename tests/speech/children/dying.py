"""A child that dies of its first job, as a decoder does of a damaged file."""

import os
import signal
import sys

sys.stdin.readline()
os.kill(os.getpid(), signal.SIGSEGV)
