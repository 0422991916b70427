"""Lets `python -m cli` stand in for `mergelane` where it is not installed."""

from cli.main import main

if __name__ == "__main__":
    main(prog_name="mergelane")
