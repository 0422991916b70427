"""Lets `python -m workers.cli` stand in for `mergelane` where it is not installed."""

from workers.cli.entry import main

if __name__ == "__main__":
    main(prog_name="mergelane")
