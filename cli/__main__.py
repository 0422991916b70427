"""Runs `mergelane` as `python -m cli`, where the console script is not installed. Python requires this file."""

from cli.main import main

if __name__ == "__main__":
    main(prog_name="mergelane")
