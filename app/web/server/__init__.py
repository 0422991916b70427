"""The server process: gunicorn's configuration and worker, and draining on SIGTERM."""
