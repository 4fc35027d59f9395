# Keydesk, served. Not built in CI: see docs/guide/operating.md.
FROM node:24-slim AS console

WORKDIR /build/console
COPY console/package.json console/package-lock.json console/.npmrc ./
RUN npm ci --no-audit --no-fund
COPY schema/schema.graphql ../schema/
COPY console ./
RUN npm run build && node compress.mjs dist/assets

FROM python:3.11-slim

ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PYTHONUNBUFFERED=1 PATH=/opt/keydesk/.venv/bin:$PATH
WORKDIR /opt/keydesk
RUN useradd --system --uid 10001 keydesk && install --directory --owner=keydesk /data

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

USER keydesk
# For SQLite: KEYDESK_DATABASE_URL=sqlite+aiosqlite:////data/keydesk.db
VOLUME /data
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/healthz', timeout=2)"]
CMD ["keydesk", "serve", "--host", "0.0.0.0", "--port", "8000"]
