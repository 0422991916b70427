"""Runs the web server behind the nginx and the HAProxy of Debian."""

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import requests

from cli.up import commands
from tests.support.missing import missing
from tests.support.processes import Process, free_port
from tests.support.waiting import wait_until

DEPLOY = Path(commands.DIRECTORY) / "deploy"
NGINX = """
daemon off;
pid {folder}/nginx.pid;
error_log stderr;
worker_processes 1;
events {{ worker_connections 256; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/{example};
}}
"""


@contextmanager
def web_server(folder: Path, database_url: str, **settings: str) -> Iterator[int]:
    """Run a web server with *settings* during the block and yield its port."""
    port = free_port()
    own = {"MERGELANE_WEB_PROCESSES": "1", "MERGELANE_ALLOWED_HOSTS": "merge.corp, tools.corp, mergelane.internal"}
    environ = {"DATABASE_URL": database_url, **own, **settings}
    process = Process.of("web", commands.web(host="127.0.0.1", port=port), folder=folder, environ=environ).start()
    try:
        wait_until(lambda: answers(f"http://127.0.0.1:{port}/health/ready"), what="web")
        yield port
    finally:
        process.stop(seconds=15)


def answers(url: str) -> bool:
    """Return whether a GET of *url* returns 200."""
    try:
        return requests.get(url, timeout=5).status_code == 200
    except requests.RequestException:
        return False


@contextmanager
def running_nginx(folder: Path, example: str, text: str, *, url: str) -> Iterator[None]:
    """Run nginx with the *text* of an example until the block ends; *url* answers when it is ready."""
    (folder / example).write_text(text)
    (folder / "nginx.conf").write_text(NGINX.format(folder=folder, example=example))
    # The system user of nginx cannot open the folder of the test.
    user = ["-g", "user root;"] if Path("/proc/self").stat().st_uid == 0 else []
    command = [_program("nginx"), "-p", str(folder), "-c", str(folder / "nginx.conf"), *user]
    with _running(command, folder, url):
        yield


@contextmanager
def running_haproxy(folder: Path, example: str, text: str, *, url: str) -> Iterator[None]:
    """Run HAProxy with the *text* of an example until the block ends; *url* answers when it is ready."""
    (folder / example).write_text(text)
    with _running([_program("haproxy"), "-db", "-f", str(folder / example)], folder, url):
        yield


@contextmanager
def _running(command: Sequence[str], folder: Path, url: str) -> Iterator[None]:
    process = Process.of("proxy", command, folder=folder, environ={}).start()
    try:
        wait_until(lambda: answers(url) or not process.running, what="the proxy")
        assert process.running, process.log
        yield
    finally:
        process.kill()


def _program(name: str) -> str:
    found = shutil.which(name, path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin")
    return found or missing(name, FileNotFoundError(f"install Debian's package {name}"))
