# Keydesk, served. Not built in CI: see docs/guide/operating.md.
# To pin the base images: docker build --build-arg PYTHON_IMAGE=python:3.11-slim@sha256:… --build-arg NODE_IMAGE=…
ARG NODE_IMAGE=node:24-slim
ARG PYTHON_IMAGE=python:3.11-slim

FROM ${NODE_IMAGE} AS console

WORKDIR /build/console
COPY console/package.json console/package-lock.json console/.npmrc ./
RUN npm ci --no-audit --no-fund
COPY schema/schema.graphql ../schema/
COPY console ./
RUN npm run build && node compress.mjs dist/assets

FROM ${PYTHON_IMAGE}

ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PYTHONUNBUFFERED=1 PATH=/opt/keydesk/.venv/bin:$PATH
WORKDIR /opt/keydesk
RUN groupadd --system --gid 10001 keydesk && useradd --system --uid 10001 --gid 10001 keydesk \
    && install --directory --owner=keydesk --group=keydesk --mode=0700 /data

COPY requirements-serve.lock ./
RUN python -m venv .venv && .venv/bin/python -m pip install --require-hashes -r requirements-serve.lock \
    && .venv/bin/python -m pip uninstall --yes setuptools

COPY pyproject.toml README.md LICENSE ./
COPY app app
COPY schema schema
COPY resolvers resolvers
COPY assistant assistant
COPY keys keys
COPY models models
COPY docs docs
COPY --from=console /build/console/dist console/dist
RUN .venv/bin/python -m pip install --no-deps --no-build-isolation -e . && python -m compileall -q app schema resolvers assistant keys models

# Numbers: Kubernetes can't see from a name that it is not root's.
USER 10001:10001
# The default database is a file in the working directory, and the code's folder is root's.
WORKDIR /data
VOLUME /data
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/healthz', timeout=2)"]
CMD ["keydesk", "serve", "--host", "0.0.0.0", "--port", "8000"]
