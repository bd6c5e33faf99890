# The platform plane: takes events and videos in. It carries vault and tally, and nothing that draws noise or reads the
# gallery: tests/architecture/test_platform_image.py holds this list to it.
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
# Where the volumes with the pseudonym key and the list of erasures are mounted; a new volume takes the owner from here.
RUN install -d -m 700 -o 10001 -g 10001 /var/lib/likewise /var/lib/likewise-never-restore
WORKDIR /srv/likewise
COPY api/__init__.py api/
COPY api/cli/__init__.py api/cli/__main__.py api/http/command.py api/cli/lazy_group.py api/cli/main.py \
     api/cli/options.py api/http/serve.py api/cli/
COPY api/cli/verbs/__init__.py api/cli/commands/platform.py api/cli/verbs/
COPY api/http/ api/http/
COPY api/platform/ api/platform/
COPY privacy/__init__.py privacy/errors.py privacy/policy/policy.py privacy/policy/policy.toml privacy/policy/registry.py \
     privacy/policy/file.py privacy/
COPY privacy/gallery/__init__.py privacy/model/documents.py api/http/api_key_reader.py \
     privacy/publishing/publish.lua privacy/publishing/publish_entries.lua privacy/publishing/publish_target.lua \
     privacy/publishing/publisher.py privacy/publishing/write_once.lua privacy/gallery/
COPY privacy/model/__init__.py privacy/policy/budget.py privacy/model/change.py privacy/model/dimension.py \
     privacy/model/engagement.py privacy/model/identifier.py privacy/policy/integrity.py privacy/policy/retention.py \
     privacy/model/sandbox.py privacy/policy/schedule.py privacy/model/account_status.py privacy/policy/streams.py \
     privacy/model/timestamp.py privacy/model/
COPY privacy/moderation/ privacy/moderation/
COPY privacy/store/__init__.py privacy/store/acl.py privacy/store/checks.py privacy/store/connect.py \
     privacy/store/credentials.py privacy/rollback/erasure_log.py privacy/rollback/erasure_log.py \
     privacy/rollback/erasure_watermark.py privacy/store/header.py privacy/store/keys.py privacy/rollback/folder.py \
     privacy/store/script.py privacy/store/settings.py privacy/store/users.py privacy/store/
COPY privacy/tally/__init__.py privacy/catalogue/catalogue.py privacy/catalogue/register.lua privacy/catalogue/replace.lua \
     privacy/catalogue/catalogue.py privacy/tally/
COPY privacy/vault/__init__.py privacy/vault/account.lua privacy/vault/account_record.py privacy/intake/cells.py \
     privacy/intake/event_columns.py privacy/intake/admission.py privacy/vault/erase.lua privacy/vault/erasure.py \
     privacy/intake/event.py privacy/intake/event_columns.py \
     privacy/vault/follow.lua privacy/vault/pseudonym_key_file.py privacy/vault/mark.lua privacy/vault/blocks.py \
     privacy/vault/entries.py privacy/vault/pseudonym.py privacy/vault/record.lua privacy/vault/resync.py privacy/vault/settle.lua \
     privacy/vault/recount.py privacy/vault/shards.py privacy/intake/target_columns.py privacy/intake/target_columns.py \
     privacy/intake/time_bounds.py privacy/vault/registers.py privacy/vault/
USER 10001:10001
ENV PATH=/opt/likewise/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
EXPOSE 8081
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s \
    CMD ["python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:8081/readyz', timeout=2)"]
ENTRYPOINT ["python", "-m", "api.cli"]
CMD ["platform", "--host", "0.0.0.0"]
