# The platform plane: ingests events and targets, acts for staff and data subjects. It carries nothing that draws noise,
# releases, signs or reads the gallery: tests/architecture/test_platform_image.py compares it with the contracts.
#
#     docker build -f docker/platform.Dockerfile -t likewise-platform .

FROM python:3.11.14-slim-trixie AS install
WORKDIR /build
COPY requirements.lock pyproject.toml docker/lock_subset.py ./
RUN python lock_subset.py requirements.lock pyproject.toml platform > plane.lock \
 && python -m venv /opt/likewise \
 && /opt/likewise/bin/pip install --no-cache-dir --require-hashes --only-binary :all: -r plane.lock

FROM python:3.11.14-slim-trixie
COPY --from=install /opt/likewise /opt/likewise
# Where the volumes with the pseudonym key and the rollback guard are mounted; a new volume takes the owner from here.
RUN install -d -m 700 -o 10001 -g 10001 /var/lib/likewise /var/lib/likewise-rollback-guard
WORKDIR /srv/likewise
COPY api/__init__.py api/
COPY api/http/ api/http/
COPY api/platform/ api/platform/
COPY privacy/__init__.py privacy/errors.py privacy/
COPY privacy/catalogue/ privacy/catalogue/
COPY privacy/intake/ privacy/intake/
COPY privacy/model/ privacy/model/
COPY privacy/moderation/ privacy/moderation/
COPY privacy/policy/ privacy/policy/
COPY privacy/publishing/ privacy/publishing/
COPY privacy/rollback/ privacy/rollback/
COPY privacy/store/ privacy/store/
COPY privacy/vault/ privacy/vault/
USER 10001:10001
ENV PATH=/opt/likewise/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
# The second one answers health checks, for the container itself and the network that it is in.
EXPOSE 8081 8091
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s \
    CMD ["python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:8091/healthz', timeout=2)"]
ENTRYPOINT ["python", "-m", "api.platform"]
CMD ["--host", "0.0.0.0", "--health-port", "8091"]
