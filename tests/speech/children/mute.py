"""A child that never says a word."""

import signal

signal.pause()
