"""Signatures of releases and heads: plain JWS, each for one document at one position, by keys of known id."""

import json
import os
from base64 import urlsafe_b64decode, urlsafe_b64encode
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from joserfc.jws import JWSRegistry

from privacy.errors import SignatureError, StoreBusyError, StoreError
from privacy.ledger.head import ShardTree, TreeHead
from privacy.signing.jwks import PublicKey, PublicKeys
from privacy.signing.signing_key import SigningKey
from privacy.signing.signing_key_file import create_ledger_key, load_signing_key, rotate_ledger_key
from privacy.store import file_change
from privacy.store.header import MAX_SHARDS
from tests.support.signing_world import COUNTING_ENTROPY

KEY = SigningKey(bytes(range(32)))
HEAD = TreeHead(0, 1_777_813_200_000, "", KEY.public_keys.key_ids, [ShardTree(0, 0, "ab")])
RELEASE, ENTRY, POSITION = b'{"a":1}', b'{"b":2}', (3, 17)


def test_the_key_of_rfc_8037() -> None:
    """Signing and naming keys give what RFC 8037, appendix A, gives for its key."""
    signer = SigningKey(urlsafe_b64decode("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A="))
    (jwk,) = json.loads(signer.public_keys.to_jwks())["keys"]
    assert jwk["x"] == "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"
    assert jwk["kid"] == "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"
    assert (jwk["kty"], jwk["crv"], jwk["alg"], jwk["use"]) == ("OKP", "Ed25519", "EdDSA", "sig")


def test_a_release_is_signed_for_its_place() -> None:
    """The signature is detached and holds for this document, this entry and this place only."""
    text = KEY.sign_release(RELEASE, ENTRY, POSITION)
    assert text.split(".")[1] == ""
    keys = KEY.public_keys
    keys.verify_release(text, RELEASE, ENTRY, POSITION)
    for release, entry, place in (
        (RELEASE + b" ", ENTRY, POSITION),
        (RELEASE, ENTRY + b" ", POSITION),
        (RELEASE, ENTRY, (3, 18)),
        (RELEASE, ENTRY, (2, 17)),
    ):
        with pytest.raises(SignatureError):
            keys.verify_release(text, release, entry, place)


def test_signing_again_makes_the_same_bytes() -> None:
    """An interrupted signer repeats the same bytes."""
    assert KEY.sign_release(RELEASE, ENTRY, POSITION) == KEY.sign_release(RELEASE, ENTRY, POSITION)
    assert KEY.sign_head(HEAD) == KEY.sign_head(HEAD)


def test_every_changed_character_of_a_signature_is_noticed() -> None:
    """Header, payload and signature, in any place."""
    text = KEY.sign_head(HEAD)
    assert KEY.public_keys.verify_head(text) == HEAD
    for place in range(len(text)):
        changed = text[:place] + ("A" if text[place] != "A" else "B") + text[place + 1 :]
        with pytest.raises(SignatureError):
            KEY.public_keys.verify_head(changed)


def test_signatures_of_one_sort_are_none_of_the_other() -> None:
    """A head cannot pass for a release, nor a foreign key for ours."""
    keys = KEY.public_keys
    with pytest.raises(SignatureError):
        keys.verify_release(KEY.sign_head(HEAD), RELEASE, ENTRY, POSITION)
    with pytest.raises(SignatureError):
        keys.verify_head(KEY.sign_release(RELEASE, ENTRY, POSITION))
    with pytest.raises(SignatureError, match="not known"):
        keys.verify_head(SigningKey(bytes(32)).sign_head(HEAD))


@pytest.mark.parametrize("text", ["", "a", "..", "e30.e30.e30", "a.b.c.d", "=.=.=", "é.é.é", "e30=.e30.e30"])
def test_what_is_no_signature_is_refused(text: str) -> None:
    """Any malformed text is a `SignatureError`."""
    for check in (
        lambda: KEY.public_keys.verify_head(text),
        lambda: KEY.public_keys.verify_release(text, RELEASE, ENTRY, POSITION),
    ):
        with pytest.raises(SignatureError):
            check()


def signed_with(header: Any, payload: bytes = msgspec.json.encode(HEAD)) -> str:
    """A compact JWS with any protected header, by our key, made with the standard library's base64."""
    parts = [urlsafe_b64encode(part).rstrip(b"=") for part in (json.dumps(header).encode(), payload)]
    signature = Ed25519PrivateKey.from_private_bytes(KEY.secret).sign(b".".join(parts))
    return b".".join([*parts, urlsafe_b64encode(signature).rstrip(b"=")]).decode()


HEADER = {"alg": "EdDSA", "kid": KEY.public_keys.key_ids[0], "typ": "likewise-head"}


@pytest.mark.parametrize("algorithm", ["EdDSA", "Ed25519"])
def test_both_names_of_the_algorithm_are_accepted(algorithm: str) -> None:
    """RFC 8037 calls it EdDSA, RFC 9864 calls it Ed25519: in signatures and in key sets."""
    jwks = json.loads(KEY.public_keys.to_jwks())
    jwks["keys"][0]["alg"] = algorithm
    keys = PublicKeys.from_jwks(json.dumps(jwks))
    assert keys == KEY.public_keys
    assert keys.verify_head(signed_with(HEADER | {"alg": algorithm})) == HEAD
    header = HEADER | {"alg": algorithm, "typ": "likewise-release", "shard": 3, "sequence": 17}
    text = signed_with(header | {"entry_sha256": sha256(ENTRY).hexdigest()}, RELEASE)
    protected, _, signature = text.split(".")
    keys.verify_release(f"{protected}..{signature}", RELEASE, ENTRY, POSITION)


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"alg": "none"}, "has the algorithm none; must be EdDSA or Ed25519"),
        ({"alg": "HS256"}, "has the algorithm HS256"),
        ({"alg": "Ed448"}, "has the algorithm Ed448"),
        ({"alg": "eddsa"}, "has the algorithm eddsa"),
        ({"alg": None}, "invalid protected header"),
        ({"kid": "A" * 43}, f"is by key {'A' * 43}, which is not known"),
        ({"kid": 1}, "invalid protected header"),
        ({"typ": "likewise-release"}, "has the type likewise-release; must be likewise-head"),
        ({"crit": ["exp"], "exp": 1}, "invalid protected header.*crit"),
        ({"crit": 1}, "invalid protected header.*crit"),
        ({"b64": True}, "invalid protected header.*b64"),
        ({"b64": False, "crit": ["b64"]}, "invalid protected header"),
        ({"jwk": KEY.public_keys.keys[0].jwk()}, "invalid protected header.*jwk"),
        ({"jku": "https://example.org"}, "invalid protected header.*jku"),
    ],
)
def test_any_other_header_is_refused_by_name(change: dict[str, Any], fault: str) -> None:
    """Even signed by our own key: only the two algorithms and the three members are accepted."""
    KEY.public_keys.verify_head(signed_with(HEADER))
    with pytest.raises(SignatureError, match=fault):
        KEY.public_keys.verify_head(signed_with(HEADER | change))


@pytest.mark.parametrize("header", [1, "algb64", ["alg"], ["alg", "b64"], None, True])
def test_a_header_that_is_not_an_object_is_refused(header: Any) -> None:
    """Any other JSON is a `SignatureError`."""
    with pytest.raises(SignatureError):
        KEY.public_keys.verify_head(signed_with(header))


def test_an_unsigned_head_is_refused() -> None:
    """The algorithm `none` with an empty signature, as RFC 7515 writes it."""
    protected, payload, _ = signed_with(HEADER | {"alg": "none"}).split(".")
    with pytest.raises(SignatureError, match="has the algorithm none"):
        KEY.public_keys.verify_head(f"{protected}.{payload}.")


def test_a_payload_in_a_detached_signature_is_refused() -> None:
    """Otherwise the attached payload would be verified instead of the release."""
    protected, _, signature = KEY.sign_release(RELEASE, ENTRY, POSITION).split(".")
    attached = f"{protected}.{urlsafe_b64encode(RELEASE).rstrip(b'=').decode()}.{signature}"
    for release in (RELEASE, b'{"a":2}'):
        with pytest.raises(SignatureError, match="is not detached"):
            KEY.public_keys.verify_release(attached, release, ENTRY, POSITION)


def test_a_head_over_the_largest_number_of_shards_verifies() -> None:
    """Its payload is longer than joserfc's own bound."""
    trees = [ShardTree(shard, 10**9, "ab" * 32) for shard in range(MAX_SHARDS)]
    head = TreeHead(10**6, 1_777_813_200_000, "ab" * 32, KEY.public_keys.key_ids * 50, trees)
    text = KEY.sign_head(head)
    assert len(text) > JWSRegistry.max_payload_length
    assert KEY.public_keys.verify_head(text) == head


@pytest.mark.parametrize(
    "change",
    [
        {"kty": "EC"},
        {"crv": "Ed448"},
        {"alg": "ES256"},
        {"use": "enc"},
        {"d": urlsafe_b64encode(bytes(32)).decode()},
        {"x": "c2hvcnQ"},
        {"x": "=" * 43},
    ],
)
def test_a_key_set_of_other_keys_is_refused(change: dict[str, str]) -> None:
    """Another curve, use or algorithm, a private key, or no key at all."""
    jwks = json.loads(KEY.public_keys.to_jwks())
    jwks["keys"][0] |= change
    with pytest.raises(SignatureError):
        PublicKeys.from_jwks(json.dumps(jwks))


def test_a_key_set_names_its_keys_by_what_they_are() -> None:
    """A key under another key's id is refused, whoever published it."""
    jwks = json.loads(KEY.public_keys.to_jwks())
    assert PublicKeys.from_jwks(json.dumps(jwks)) == KEY.public_keys
    jwks["keys"][0]["x"] = urlsafe_b64encode(bytes(32)).rstrip(b"=").decode()
    with pytest.raises(SignatureError, match="own id"):
        PublicKeys.from_jwks(json.dumps(jwks))
    with pytest.raises(SignatureError):
        PublicKeys.from_jwks("[]")


def test_rotation_keeps_old_signatures_valid(tmp_path: Path) -> None:
    """The new key signs, the public half of the old one stays, and its private half is gone."""
    path = tmp_path / "ledger.key"
    create_ledger_key(path, COUNTING_ENTROPY)
    first = load_signing_key(path)
    create_ledger_key(path, COUNTING_ENTROPY)
    assert load_signing_key(path) == first
    old = first.sign_head(HEAD)
    rotated = rotate_ledger_key(path, COUNTING_ENTROPY)
    assert load_signing_key(path) == rotated
    assert rotated.secret != first.secret
    assert first.secret.hex() not in path.read_text()
    assert rotated.public_keys.verify_head(old) == HEAD
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
        load_signing_key(path)


def test_a_key_file_that_others_can_read_is_refused(tmp_path: Path) -> None:
    """Its rights are checked each time it is read."""
    path = tmp_path / "ledger.key"
    create_ledger_key(path, COUNTING_ENTROPY)
    path.chmod(0o640)
    for use in (load_signing_key, lambda file: create_ledger_key(file, COUNTING_ENTROPY)):
        with pytest.raises(StoreError, match="read by others"):
            use(path)


def test_a_ledger_key_that_another_process_created_meanwhile_stays(tmp_path: Path) -> None:
    """The file appears between the check and the creation: it is kept."""
    path = tmp_path / "ledger.key"

    def entropy_while_another_process_creates(count: int) -> bytes:
        create_ledger_key(path, COUNTING_ENTROPY)
        created.append(load_signing_key(path))
        return bytes(count)

    created: list[SigningKey] = []
    create_ledger_key(path, entropy_while_another_process_creates)
    assert [load_signing_key(path)] == created


def test_a_ledger_key_that_signed_is_never_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of two rotations at once, one is refused: each key that was in force signs or is among the former."""
    monkeypatch.setattr(file_change, "LOCK_PATIENCE_SECONDS", 0.0)
    path = tmp_path / "ledger.key"
    create_ledger_key(path, os.urandom)
    in_force = [load_signing_key(path)]

    def entropy_while_another_rotates(count: int) -> bytes:
        with pytest.raises(StoreBusyError, match="another process is changing a file"):
            rotate_ledger_key(path, os.urandom)
        in_force.append(load_signing_key(path))
        return os.urandom(count)

    in_force.append(rotate_ledger_key(path, entropy_while_another_rotates))
    in_force.append(rotate_ledger_key(path, os.urandom))
    verifying = load_signing_key(path).public_keys
    for key in in_force:
        assert verifying.verify_head(key.sign_head(HEAD)) == HEAD


def test_a_changed_bit_is_never_read_as_another_key(tmp_path: Path) -> None:
    """Every bit of the file: no key that nobody has published signs, and no former one is lost."""
    path = tmp_path / "ledger.key"
    create_ledger_key(path, COUNTING_ENTROPY)
    key = rotate_ledger_key(path, os.urandom)
    whole = path.read_bytes()
    for place in range(8 * len(whole)):
        changed = bytearray(whole)
        changed[place // 8] ^= 1 << place % 8
        path.write_bytes(changed)
        try:
            assert load_signing_key(path) == key, changed
        except StoreError:
            continue


def test_a_secret_is_never_shown() -> None:
    """Neither by the signer's `repr` nor through its public keys."""
    assert KEY.secret.hex() not in repr(KEY)
    assert repr(KEY.secret) not in repr(KEY)
    assert urlsafe_b64decode(json.loads(KEY.public_keys.to_jwks())["keys"][0]["x"] + "=") != KEY.secret
    with pytest.raises(SignatureError):
        PublicKey("c2hvcnQ")
