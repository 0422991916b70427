"""Loads the modules of tests/support whose fixtures and hooks all suites use."""

import signal

# A background job of a shell ignores SIGINT. Its child processes inherit that, but tests stop some of them with SIGINT.
signal.signal(signal.SIGINT, signal.default_int_handler)
# nohup ignores SIGHUP, and `mergelane up` would inherit that.
signal.signal(signal.SIGHUP, signal.SIG_DFL)

pytest_plugins = [
    "tests.support.browser",
    "tests.support.chromium",
    "tests.support.factories",
    "tests.support.folders",
    "tests.support.flask_caller",
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
    "tests.support.citus",  # after the modules that it imports, so that pytest rewrites their assertions
]
