"""Signatures of releases and heads: plain JWS, for one document at one place, by self-named keys."""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode
from pathlib import Path

import pytest

from privacy.errors import SignatureError, StoreError
from privacy.ledger.head import ShardTree, TreeHead, unverified_head
from privacy.ledger.jws import base64url, from_base64url
from privacy.signing.jwks import PublicKey, PublicKeys
from privacy.signing.signer import Signer
from privacy.signing.signing_key_file import create_ledger_key, load_signer, rotate_ledger_key
from tests.support.ledger import COUNTING_ENTROPY

SIGNER = Signer(bytes(range(32)))
HEAD = TreeHead(0, 1_777_813_200_000, "", SIGNER.public_keys.key_ids, [ShardTree(0, 0, "ab")])
RELEASE, ENTRY, PLACE = b'{"a":1}', b'{"b":2}', (3, 17)


def test_the_key_of_rfc_8037() -> None:
    """Signing and naming keys give what RFC 8037, appendix A, gives for its key."""
    signer = Signer(from_base64url("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A"))
    (jwk,) = json.loads(signer.public_keys.jwks())["keys"]
    assert jwk["x"] == "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"
    assert jwk["kid"] == "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"
    assert (jwk["kty"], jwk["crv"], jwk["alg"], jwk["use"]) == ("OKP", "Ed25519", "EdDSA", "sig")


def test_a_release_is_signed_for_its_place() -> None:
    """The signature is detached and holds for this document, this entry and this place only."""
    text = SIGNER.sign_release(RELEASE, ENTRY, PLACE)
    assert text.split(".")[1] == ""
    keys = SIGNER.public_keys
    keys.release(text, RELEASE, ENTRY, PLACE)
    for release, entry, place in (
        (RELEASE + b" ", ENTRY, PLACE),
        (RELEASE, ENTRY + b" ", PLACE),
        (RELEASE, ENTRY, (3, 18)),
        (RELEASE, ENTRY, (2, 17)),
    ):
        with pytest.raises(SignatureError):
            keys.release(text, release, entry, place)


def test_signing_again_makes_the_same_bytes() -> None:
    """So a notary that was interrupted does the same again."""
    assert SIGNER.sign_release(RELEASE, ENTRY, PLACE) == SIGNER.sign_release(RELEASE, ENTRY, PLACE)
    assert SIGNER.sign_head(HEAD) == SIGNER.sign_head(HEAD)


def test_every_changed_character_of_a_signature_is_noticed() -> None:
    """Header, payload and signature, in any place."""
    text = SIGNER.sign_head(HEAD)
    assert SIGNER.public_keys.head(text) == unverified_head(text) == HEAD
    for place in range(len(text)):
        changed = text[:place] + ("A" if text[place] != "A" else "B") + text[place + 1 :]
        with pytest.raises(SignatureError):
            SIGNER.public_keys.head(changed)


def test_signatures_of_one_sort_are_none_of_the_other() -> None:
    """A head cannot pass for a release, nor a foreign key for ours."""
    keys = SIGNER.public_keys
    with pytest.raises(SignatureError):
        keys.release(SIGNER.sign_head(HEAD), RELEASE, ENTRY, PLACE)
    with pytest.raises(SignatureError):
        keys.head(SIGNER.sign_release(RELEASE, ENTRY, PLACE))
    with pytest.raises(SignatureError, match="not known"):
        keys.head(Signer(bytes(32)).sign_head(HEAD))


@pytest.mark.parametrize("text", ["", "a", "..", "e30.e30.e30", "a.b.c.d", "=.=.=", "é.é.é", "e30=.e30.e30"])
def test_what_is_no_signature_is_refused(text: str) -> None:
    """Whatever it is, it is an error of one kind."""
    for check in (
        lambda: SIGNER.public_keys.head(text),
        lambda: SIGNER.public_keys.release(text, RELEASE, ENTRY, PLACE),
        lambda: unverified_head(text),
    ):
        with pytest.raises(SignatureError):
            check()


def test_a_key_set_names_its_keys_by_what_they_are() -> None:
    """A key under another key's id is refused, whoever published it."""
    jwks = json.loads(SIGNER.public_keys.jwks())
    assert PublicKeys.read(json.dumps(jwks)) == SIGNER.public_keys
    jwks["keys"][0]["x"] = base64url(bytes(32))
    with pytest.raises(SignatureError, match="its id"):
        PublicKeys.read(json.dumps(jwks))
    with pytest.raises(SignatureError):
        PublicKeys.read("[]")


def test_rotation_keeps_old_signatures_valid(tmp_path: Path) -> None:
    """The new key signs, the public half of the old one stays, and its private half is gone."""
    path = tmp_path / "ledger.key"
    create_ledger_key(path, COUNTING_ENTROPY)
    first = load_signer(path)
    create_ledger_key(path, COUNTING_ENTROPY)
    assert load_signer(path) == first
    old = first.sign_head(HEAD)
    rotated = rotate_ledger_key(path, COUNTING_ENTROPY)
    assert load_signer(path) == rotated
    assert rotated.secret != first.secret
    assert first.secret.hex() not in path.read_text()
    assert rotated.public_keys.head(old) == HEAD
    assert rotated.public_keys.keys[1:] == first.public_keys.keys
    assert path.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    "content", ["", "{}", '{"private":"00","former":[]}', '{"private":"zz","former":[]}']
)
def test_a_file_without_a_key_is_refused(content: str, tmp_path: Path) -> None:
    """The message says which file, and repeats nothing of it."""
    path = tmp_path / "ledger.key"
    path.write_text(content)
    path.chmod(0o600)
    with pytest.raises(StoreError, match=r"ledger\.key"):
        load_signer(path)


def test_a_key_file_that_others_can_read_is_refused(tmp_path: Path) -> None:
    """Its rights are checked each time it is read."""
    path = tmp_path / "ledger.key"
    create_ledger_key(path, COUNTING_ENTROPY)
    path.chmod(0o640)
    with pytest.raises(StoreError, match="read by others"):
        load_signer(path)


def test_a_secret_is_never_shown() -> None:
    """Neither by the signer's `repr` nor through its public keys."""
    assert SIGNER.secret.hex() not in repr(SIGNER)
    assert repr(SIGNER.secret) not in repr(SIGNER)
    assert urlsafe_b64decode(json.loads(SIGNER.public_keys.jwks())["keys"][0]["x"] + "=") != SIGNER.secret
    with pytest.raises(SignatureError):
        PublicKey(b"short")
