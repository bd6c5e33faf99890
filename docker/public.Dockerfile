# The public plane: reads the gallery, and could do nothing else if it wanted to.
# Of this project it carries exactly the files copied below: no vault, tally, mechanism, release or policy code, and
# nothing of the `private` extra. tests/architecture/test_public_image.py holds this list to it.
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
COPY api/cli/__init__.py api/cli/__main__.py api/http/command.py api/cli/lazy_group.py api/cli/main.py \
     api/cli/options.py api/http/serve.py api/cli/
COPY api/cli/verbs/__init__.py api/cli/commands/public.py api/cli/verbs/
COPY api/http/ api/http/
COPY api/public/ api/public/
COPY api/web/ api/web/
COPY docs/compliance/ docs/compliance/
COPY privacy/__init__.py privacy/errors.py privacy/
COPY privacy/gallery/__init__.py privacy/model/documents.py api/http/api_key_reader.py \
     privacy/gallery/ledger_reader.py privacy/gallery/reader.py privacy/gallery/
COPY privacy/ledger/__init__.py privacy/ledger/head.py privacy/ledger/jws.py privacy/ledger/merkle.py \
     privacy/ledger/proofs.py privacy/ledger/
COPY privacy/model/__init__.py privacy/model/engagement.py privacy/model/identifier.py \
     privacy/model/timestamp.py privacy/model/
COPY privacy/store/__init__.py privacy/store/acl.py privacy/store/checks.py privacy/store/connect.py \
     privacy/store/credentials.py privacy/store/header.py privacy/store/keys.py privacy/store/settings.py \
     privacy/store/users.py privacy/store/wall_checks.py privacy/store/
USER 10001:10001
ENV PATH=/opt/likewise/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s \
    CMD ["python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:8080/readyz', timeout=2)"]
ENTRYPOINT ["python", "-m", "api.cli"]
CMD ["public", "--host", "0.0.0.0"]
