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
COPY api/cli/__init__.py api/cli/__main__.py api/cli/exit_code.py api/cli/lazy_group.py api/cli/main.py \
     api/cli/options.py api/cli/serve.py api/cli/
COPY api/cli/verbs/__init__.py api/cli/verbs/platform.py api/cli/verbs/
COPY api/http/ api/http/
COPY api/platform/ api/platform/
COPY privacy/__init__.py privacy/errors.py privacy/policy.py privacy/policy.toml privacy/policy_book.py \
     privacy/policy_file.py privacy/
COPY privacy/gallery/__init__.py privacy/gallery/documents.py privacy/gallery/keys_reader.py \
     privacy/gallery/publish.lua privacy/gallery/publish_entries.lua privacy/gallery/publish_target.lua \
     privacy/gallery/publisher.py privacy/gallery/write_once.lua privacy/gallery/
COPY privacy/model/__init__.py privacy/model/budget.py privacy/model/change.py privacy/model/dimension.py \
     privacy/model/engagement.py privacy/model/identifier.py privacy/model/integrity.py privacy/model/retention.py \
     privacy/model/sandbox.py privacy/model/schedule.py privacy/model/standing.py privacy/model/streams.py \
     privacy/model/timestamp.py privacy/model/
COPY privacy/moderation/ privacy/moderation/
COPY privacy/store/__init__.py privacy/store/acl.py privacy/store/checks.py privacy/store/connect.py \
     privacy/store/credentials.py privacy/store/erasure_lines.py privacy/store/erasure_list.py \
     privacy/store/erasure_mark.py privacy/store/header.py privacy/store/keys.py privacy/store/never_restored.py \
     privacy/store/script.py privacy/store/settings.py privacy/store/users.py privacy/store/
COPY privacy/tally/__init__.py privacy/tally/catalogue.py privacy/tally/register.lua privacy/tally/replace.lua \
     privacy/tally/target.py privacy/tally/
COPY privacy/vault/__init__.py privacy/vault/account.lua privacy/vault/account_file.py privacy/vault/cells.py \
     privacy/vault/distinct.py privacy/vault/door.py privacy/vault/erase.lua privacy/vault/erasure.py \
     privacy/vault/event.py privacy/vault/event_columns.py \
     privacy/vault/follow.lua privacy/vault/key_file.py privacy/vault/mark.lua privacy/vault/marks.py \
     privacy/vault/packed_entries.py privacy/vault/pseudonym.py privacy/vault/record.lua privacy/vault/resync.py privacy/vault/settle.lua \
     privacy/vault/settlement.py privacy/vault/shards.py privacy/vault/target_columns.py privacy/vault/target_rules.py \
     privacy/vault/time_bounds.py privacy/vault/vault.py privacy/vault/
USER 10001:10001
ENV PATH=/opt/likewise/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
EXPOSE 8081
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s \
    CMD ["python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:8081/readyz', timeout=2)"]
ENTRYPOINT ["python", "-m", "api.cli"]
CMD ["platform", "--host", "0.0.0.0"]
