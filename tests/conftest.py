"""The fixtures of every room, by where they are written."""

pytest_plugins = [
    "tests.support.factories",
    "tests.support.front_door",
    "tests.support.postgres",
    "tests.support.redis",
    "tests.support.system",
    "tests.support.tls",
    "tests.support.up",
    "tests.support.worker",
]
