"""`python -m service` is the command `interview-grader`."""

from service.cli import main

main()
