# The workers and the operator's tools: relay, release, maintain, init, keys, policy, doctor. Everything but the embedded
# Redis is in it. No one outside connects to it: it opens no port.
#
#     docker build -f docker/private.Dockerfile -t likewise-private .

FROM python:3.11.14-slim-trixie AS install
WORKDIR /build
COPY requirements.lock pyproject.toml docker/lock_subset.py ./
RUN python lock_subset.py requirements.lock pyproject.toml private > plane.lock \
 && python -m venv /opt/likewise \
 && /opt/likewise/bin/pip install --no-cache-dir --require-hashes --only-binary :all: -r plane.lock

FROM python:3.11.14-slim-trixie
COPY --from=install /opt/likewise /opt/likewise
# Where the volumes with the keys and the rollback guard are mounted; a new volume takes the owner from here.
RUN install -d -m 700 -o 10001 -g 10001 /var/lib/likewise /var/lib/likewise-ledger \
    /var/lib/likewise-rollback-guard
WORKDIR /srv/likewise
COPY api/ api/
COPY privacy/ privacy/
# The wall's list, for `likewise audit wall`.
COPY pyproject.toml ./
COPY docker/ask_store.py ./
USER 10001:10001
ENV PATH=/opt/likewise/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
ENTRYPOINT ["python", "-m", "api.cli"]
CMD ["--help"]
