"""From the table of a run to what a report says of it."""
