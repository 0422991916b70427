"""The server process: gunicorn's processes, waitress's connections with limits of ours, and draining on SIGTERM."""
