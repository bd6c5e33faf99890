# The public plane: reads the gallery, and could do nothing else if it wanted to.
# Of this project it carries the packages copied below, which are those of the contract `wall` in pyproject.toml, and
# nothing of the `private` extra. tests/architecture/test_public_image.py compares the two.
#
#     docker build -f docker/public.Dockerfile -t likewise-public .

FROM python:3.11.14-slim-trixie AS install
WORKDIR /build
COPY requirements.lock pyproject.toml docker/lock_subset.py ./
RUN python lock_subset.py requirements.lock pyproject.toml > plane.lock \
 && python -m venv /opt/likewise \
 && /opt/likewise/bin/pip install --no-cache-dir --require-hashes --only-binary :all: -r plane.lock

FROM python:3.11.14-slim-trixie
COPY --from=install /opt/likewise /opt/likewise
WORKDIR /srv/likewise
COPY api/__init__.py api/
COPY api/http/ api/http/
COPY api/public/ api/public/
COPY api/web/ api/web/
COPY docs/compliance/ docs/compliance/
COPY docs/proofs/ docs/proofs/
COPY docs/reading.md docs/follow.md docs/browser.md docs/why-did-my-likes-drop.md docs/
COPY privacy/__init__.py privacy/errors.py privacy/
COPY privacy/gallery/ privacy/gallery/
COPY privacy/ledger/ privacy/ledger/
COPY privacy/model/ privacy/model/
COPY privacy/store/ privacy/store/
USER 10001:10001
ENV PATH=/opt/likewise/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
# The second one answers health checks, for the container itself and the network that it is in.
EXPOSE 8080 8090
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s \
    CMD ["python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:8090/healthz', timeout=2)"]
ENTRYPOINT ["python", "-m", "api.public"]
CMD ["--host", "0.0.0.0", "--health-port", "8090"]
