# The order service only: no lab packages, no tests, no compiler, no root.
# `--target load` builds the load generator.

FROM python:3.13.15-slim AS packages

WORKDIR /packages
# The environment gets no pip: this stage's pip installs into it. It installs
# wheels only, and checks their locked hashes.
RUN python -m venv --without-pip /opt/venv
COPY requirements-service.lock .
RUN pip --python /opt/venv/bin/python install --no-cache-dir \
      --disable-pip-version-check --only-binary :all: \
      --require-hashes -r requirements-service.lock


FROM packages AS load-packages

COPY requirements-load.lock .
RUN pip --python /opt/venv/bin/python install --no-cache-dir \
      --disable-pip-version-check --only-binary :all: \
      --require-hashes -r requirements-load.lock


FROM python:3.13.15-slim AS code

ENV PATH=/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    FLAGS_FILE=/srv/flags/flags.json

# A fixed user id, so that the owner of a volume is known in advance.
RUN useradd --uid 10001 --no-create-home --shell /usr/sbin/nologin service

WORKDIR /srv/service
# pyproject.toml holds Alembic's settings.
COPY pyproject.toml ./
COPY migrations migrations
COPY poolwatch poolwatch
COPY app app

# The service changes a flag by replacing the file, so it must own the folder.
# It owns nothing else, so it cannot change its own code.
COPY --chown=service:service flags.json /srv/flags/
RUN chown service:service /srv/flags

USER 10001:10001


FROM code AS load

COPY lab/__init__.py lab/
COPY lab/load lab/load
COPY --from=load-packages /opt/venv /opt/venv
EXPOSE 8089
# It starts by itself. Its page has no password: do not publish the port.
CMD ["locust", "--locustfile", "lab/load/locustfile.py", "--autostart"]


# The last stage is the default target.
FROM code AS service

COPY --from=packages /opt/venv /opt/venv
EXPOSE 8000

# /healthz, not /readyz: Swarm or autoheal restarts an unhealthy container. A
# restart helps a process whose event loop is blocked. If the pool is exhausted
# or the database is down, the process should get no traffic (/readyz), but a
# restart would only hide a leak, and does not repair a database.
HEALTHCHECK --interval=5s --timeout=3s --start-period=30s --retries=3 \
  CMD ["python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:8000/healthz', timeout=2)"]

# Exec form, so that the service receives SIGTERM. After a leak it needs 7 s
# to stop (5 for requests, 1 for open loans), and longer on a busy machine.
CMD ["python", "-m", "app", "serve", "--host", "0.0.0.0"]
