"""Robustness: cases derived from rated ones by known changes, and what a fair grader must make of each change."""
