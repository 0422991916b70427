"""The fixtures of every room, by where they are written."""

import signal

# A shell's background job ignores Ctrl-C, and so would every process that the tests start and stop by it.
signal.signal(signal.SIGINT, signal.default_int_handler)
# nohup ignores SIGHUP, and so would `mergelane up`.
signal.signal(signal.SIGHUP, signal.SIG_DFL)

pytest_plugins = [
    "tests.support.browser",
    "tests.support.chromium",
    "tests.support.factories",
    "tests.support.folders",
    "tests.support.front_door",
    "tests.support.parallel",
    "tests.support.pgbouncer",
    "tests.support.postgres",
    "tests.support.redis",
    "tests.support.routes",
    "tests.support.sentinel",
    "tests.support.stage",
    "tests.support.standby",
    "tests.support.stoppable_web",
    "tests.support.system",
    "tests.support.tls",
    "tests.support.undos",
    "tests.support.up",
    "tests.support.worker",
    "tests.support.citus",  # after those that it imports, so that pytest rewrites their assertions
]
