"""Tables that people bring: CSV, XLSX and JSON lines, read row by row, with places that a person can find."""
