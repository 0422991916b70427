# One image for every process of the Procfile; docker-compose.yml selects the process of each container.
# It contains no database and no broker: DATABASE_URL and BROKER_URL select them.

FROM python:3.12-slim AS build
WORKDIR /build
# pip checks each package against the hashes of these files. Wheels alone: building a package would fetch its build
# backend without a hash. Before the source, so that a changed source does not install the packages again.
COPY requirements.txt requirements-build.txt ./
RUN python -m venv /opt/mergelane && /opt/mergelane/bin/pip install --no-cache-dir --disable-pip-version-check \
        --only-binary :all: --require-hashes -r requirements.txt
RUN python -m venv /opt/build && /opt/build/bin/pip install --no-cache-dir --disable-pip-version-check \
        --only-binary :all: --require-hashes -r requirements-build.txt
COPY pyproject.toml README.md LICENSE ./
COPY schemas schemas
COPY app app
COPY cli cli
COPY workers workers
RUN /opt/build/bin/python -m hatchling build -t wheel -d dist \
    && /opt/mergelane/bin/pip install --no-cache-dir --disable-pip-version-check --no-index --no-deps dist/*.whl

FROM python:3.12-slim
# The group gets the number too: as a system group it would share one with the group of postgres or redis.
RUN groupadd --gid 10001 mergelane \
    && useradd --uid 10001 --gid mergelane --no-log-init --create-home --home-dir /srv/mergelane \
        --shell /usr/sbin/nologin mergelane
# The root is read-only while it runs, so Python cannot store the bytecode of its own library later.
RUN python -m compileall -q -j 0 -x 'site-packages|/(test|idlelib|turtledemo)/' \
        "$(python -c 'import sysconfig; print(sysconfig.get_path("stdlib"))')"
COPY --from=build /opt/mergelane /opt/mergelane
COPY deploy/healthy /usr/local/bin/healthy
ENV PATH=/opt/mergelane/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    MERGELANE_WEB_HOST=0.0.0.0
# Not /app: in a folder of that name Python could import a stray app.py instead of our package `app`.
WORKDIR /srv/mergelane
# By number, so that an engine can check that it is not root.
USER 10001:10001
# No EXPOSE: only web listens for clients, on port 8000 or PORT.
CMD ["gunicorn", "--config", "python:app.web.server.gunicorn_conf", "app.web:create_app()"]
