"""The use case: one answer becomes one grade. Read `pipeline` first."""
