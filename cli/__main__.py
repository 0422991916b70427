"""Runs `mergelane` as `python -m cli`, where the console script is not installed. Python requires this file."""

import signal

# Until the command runs, Ctrl-C ends the process without a traceback of its imports. A shell may have it ignored.
IGNORED = signal.getsignal(signal.SIGINT) is signal.SIG_IGN
if not IGNORED:
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def run() -> None:
    """Run `mergelane`."""
    from cli.main import main  # noqa: PLC0415 - imported after the line above

    if not IGNORED:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    main(prog_name="mergelane")


if __name__ == "__main__":
    run()
