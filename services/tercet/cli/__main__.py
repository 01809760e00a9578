"""`python -m tercet.cli`: the command, where its script is not on PATH."""

from tercet.cli import main

main()
