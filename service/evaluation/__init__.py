"""Offline evaluation: how far the grader agrees with people, and whether a change made it better or worse."""
