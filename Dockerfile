# The order service alone: no lab packages, no tests, no compiler, no root.
# With `--target load`, the load generator that sends it requests.

FROM python:3.13.15-slim AS packages

WORKDIR /packages
# pip stays in this stage: it installs into the environment from outside.
# Wheels only, each with the hash that was locked.
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

# A fixed number, so that whoever owns a volume can be said beforehand.
RUN useradd --uid 10001 --no-create-home --shell /usr/sbin/nologin service

WORKDIR /srv/service
# pyproject.toml holds Alembic's settings.
COPY pyproject.toml ./
COPY migrations migrations
COPY poolwatch poolwatch
COPY app app

# A flag is changed by putting a new file in the old one's place, so the
# folder must be the service's own. Nothing else is: it cannot change its code.
COPY --chown=service:service flags.json /srv/flags/
RUN chown service:service /srv/flags

USER 10001:10001


FROM code AS load

COPY lab/__init__.py lab/
COPY lab/load lab/load
COPY --from=load-packages /opt/venv /opt/venv
EXPOSE 8089
# It begins by itself; its page has no password and is published to nobody.
CMD ["locust", "--locustfile", "lab/load/locustfile.py", "--autostart"]


# Last, so that it is built where no target is named.
FROM code AS service

COPY --from=packages /opt/venv /opt/venv
EXPOSE 8000

# /healthz, not /readyz: what becomes unhealthy is restarted (by Swarm, by
# autoheal). A process whose event loop stands still wants that. A process
# whose pool is exhausted, or whose database is away, wants no traffic
# (/readyz), but to restart it hides a leak and heals no database.
HEALTHCHECK --interval=5s --timeout=3s --start-period=30s --retries=3 \
  CMD ["python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:8000/healthz', timeout=2)"]

# Exec form: SIGTERM reaches the service itself. After a leak it takes 7 s to
# end (5 for requests, 1 for loans), and longer on a busy machine.
CMD ["python", "-m", "app", "serve", "--host", "0.0.0.0"]
