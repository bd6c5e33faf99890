"""The ledger's signing key is lost: what docs/compliance/ledger.md says to do, step by step."""

import json
import os
from pathlib import Path

import pytest

from privacy.errors import StoreError
from privacy.gallery.ledger_reader import LedgerReader
from privacy.signing.export import export_lines
from privacy.signing.jwks import PublicKeys
from privacy.signing.signing_key_file import create_ledger_key, load_signing_key
from privacy.signing.verification import Verification
from tests.support.redis_server import Store
from tests.support.release_world import ReleaseWorld
from tests.support.signing_world import SigningWorld


def test_a_lost_key_is_replaced_as_the_document_says(store: Store, tmp_path: Path) -> None:
    """A new key alone signs nothing; together with the public halves of the old keys, everything verifies.

    A verifier who trusts only the old keys sees faults in the later heads and entries, and in no others.
    """
    key_file = tmp_path / "ledger.key"
    create_ledger_key(key_file, os.urandom)
    world = SigningWorld(ReleaseWorld(store), load_signing_key(key_file))
    world.reset(1)
    assert world.sign() > 0
    sizes = {tree.shard: tree.size for tree in world.head().trees}
    before = list(export_lines(LedgerReader(store.public), 0))
    key_file.unlink()

    create_ledger_key(key_file, os.urandom)  # 32 random bytes, as by `openssl rand -hex 32`
    world.key = load_signing_key(key_file)
    world.release_epoch()
    with pytest.raises(StoreError, match="restore the ledger key file that signed it"):
        world.signer().check()
    with pytest.raises(StoreError, match="nothing is signed"):
        world.sign()
    assert list(export_lines(LedgerReader(store.public), 0)) == before

    published = store.public.get("g:jwks")  # what /.well-known/jwks.json answers
    assert isinstance(published, bytes)
    former = [key["x"] for key in json.loads(published)["keys"]]
    key_file.write_text(
        json.dumps({"private": json.loads(key_file.read_text())["private"], "former": former})
    )
    world.key = load_signing_key(key_file)
    world.signer().check()
    assert world.sign() > 0

    now = list(export_lines(LedgerReader(store.public), 0))
    verdict = Verification().run(now)
    assert (verdict.faults, verdict.releases) == ((), 10)
    assert verdict.key_ids == tuple(world.key.public_keys.key_ids)
    pinned = Verification(PublicKeys.from_jwks(published)).run(now)
    faults = {fault.where for fault in pinned.faults}
    new = {
        f"shard {shard}, entry {entry}"
        for shard, size in sizes.items()
        for entry in range(size, world.head().tree(shard).size)
    }
    assert new <= faults
    assert all(where in new or "head" in where for where in faults)
    assert Verification(PublicKeys.from_jwks(published)).run(before).holds
