"""The ledger as a reviewer reads it: proofs, signed heads, signatures and keys, each checked from outside."""

import hashlib
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from privacy.ledger.merkle import leaf_hash
from privacy.ledger.proofs import verify_consistency, verify_inclusion
from tests.support.public_plane import PublicPlane, new_key
from tests.support.redis_server import Store

SHARD = 1
SIZE = 26 * 4 + 1
"""The chain that `publish_every_state` makes."""
PROOF = "/v1/privacy/ledger/proof"
RELEASE = "/v1/releases/like/shown/25"


def decoded(part: str) -> bytes:
    """A part of a JWS, by the standard library alone."""
    return urlsafe_b64decode(part + "=" * (-len(part) % 4))


def verified(plane: PublicPlane, jws: str, payload: bytes | None = None) -> tuple[dict[str, Any], bytes]:
    """Protected header and payload of a signature, checked as RFC 7515 says, with nothing of the product."""
    protected, attached, signature = jws.split(".")
    header: dict[str, Any] = json.loads(decoded(protected))
    keys = plane.get("/.well-known/jwks.json", token=None).json()["keys"]
    (key,) = [key for key in keys if key["kid"] == header["kid"]]
    if payload is not None:
        assert attached == ""
        signed = f"{protected}.".encode() + urlsafe_b64encode(payload).rstrip(b"=")
    else:
        signed, payload = f"{protected}.{attached}".encode(), decoded(attached)
    Ed25519PublicKey.from_public_bytes(decoded(key["x"])).verify(decoded(signature), signed)
    return header, payload


def entries(plane: PublicPlane) -> list[bytes]:
    """The exact bytes of all entries of the chain."""
    text = plane.get("/v1/privacy/ledger?limit=200").text
    lines = json.loads(text)["entries"]
    found = []
    for line in lines:
        start = text.index('"entry":', text.index(line["sha256"])) + len('"entry":')
        _, length = json.JSONDecoder().raw_decode(text[start:])
        entry = text[start : start + length].encode()
        assert hashlib.sha256(entry).hexdigest() == line["sha256"]
        found.append(entry)
    return found


def test_every_entry_is_proved_to_be_in_the_signed_tree(plane: PublicPlane) -> None:
    """A proof leads from the bytes of an entry to the root that the head signs."""
    head = plane.get("/v1/privacy/ledger/heads").json()["heads"][0]
    (tree,) = [tree for tree in head["head"]["trees"] if tree["shard"] == SHARD]
    assert tree["size"] == SIZE
    for sequence, entry in enumerate(entries(plane)):
        proof = plane.get(f"{PROOF}?shard={SHARD}&sequence={sequence}").json()
        assert (proof["tree_size"], proof["root"]) == (SIZE, tree["root"])
        path = list(map(bytes.fromhex, proof["path"]))
        assert verify_inclusion(leaf_hash(entry), sequence, SIZE, path, bytes.fromhex(tree["root"]))


def test_every_older_tree_is_proved_to_be_the_beginning(plane: PublicPlane) -> None:
    """From any size to any later one."""
    for old_size, size in ((1, SIZE), (SIZE - 1, SIZE), (SIZE, SIZE), (7, 12), (32, 64), (33, 70)):
        proof = plane.get(f"{PROOF}?shard={SHARD}&from_size={old_size}&tree_size={size}").json()
        path = list(map(bytes.fromhex, proof["path"]))
        roots = (bytes.fromhex(proof["from_root"]), bytes.fromhex(proof["root"]))
        assert verify_consistency(old_size, size, path, *roots)
        assert plane.get(f"{PROOF}?shard={SHARD}&sequence=0&tree_size={size}").json()["root"] == proof["root"]


def test_heads_are_signed(plane: PublicPlane) -> None:
    """The payload of the signature is what the answer says, and the key is published without a key."""
    (signed,) = plane.get("/v1/privacy/ledger/heads").json()["heads"]
    header, payload = verified(plane, signed["jws"])
    assert (header["alg"], header["typ"]) == ("EdDSA", "likewise-head")
    assert json.loads(payload) == signed["head"]
    assert plane.get("/v1/privacy/ledger/heads?limit=100").json()["heads"] == [signed]


def test_a_release_carries_a_detached_signature(plane: PublicPlane) -> None:
    """Over the very bytes of the answer, which are those that the ledger names by their hash."""
    answer = plane.get(RELEASE)
    header, _ = verified(plane, answer.headers["Likewise-Signature"], answer.content)
    entry = entries(plane)[header["sequence"]]
    assert header["entry_sha256"] == hashlib.sha256(entry).hexdigest()
    assert json.loads(entry)["release_sha256"] == hashlib.sha256(answer.content).hexdigest()
    total = plane.get("/v1/videos/shown/likes").json()["total"]
    assert answer.json()["total"] == [total["value"], *total["ci95"]]


def test_keys_are_a_public_key_set(plane: PublicPlane) -> None:
    """Standard media type, cacheable, nothing private in it."""
    answer = plane.get("/.well-known/jwks.json", token=None)
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "application/jwk-set+json"
    assert "max-age=60" in answer.headers["Cache-Control"]
    assert all("d" not in key for key in answer.json()["keys"])


@pytest.mark.parametrize("path", [f"{PROOF}?shard={SHARD}&sequence=0", "/v1/privacy/ledger/heads", RELEASE])
def test_the_ledger_is_for_reviewers(path: str, plane: PublicPlane, store: Store) -> None:
    """A key to read numbers is not enough."""
    token, _ = new_key(store, "read")
    assert plane.get(path, token=token).status_code == 403
    assert plane.get(path, token=None).status_code == 401
    assert plane.get(path).status_code == 200


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("", "shard"),
        (f"shard={SHARD}", "sequence"),
        (f"shard={SHARD}&sequence=0&from_size=1", "sequence"),
        (f"shard={SHARD}&sequence={SIZE}", "sequence"),
        (f"shard={SHARD}&sequence=5&tree_size=5", "sequence"),
        (f"shard={SHARD}&from_size=0", "from_size"),
        (f"shard={SHARD}&from_size=6&tree_size=5", "from_size"),
        (f"shard={SHARD}&sequence=0&tree_size={SIZE + 1}", "tree_size"),
        (f"shard={SHARD}&sequence=0&tree_size=0", "tree_size"),
        ("shard=0&sequence=0", "shard"),
        ("shard=999999999&sequence=0", "shard"),
        (f"shard={SHARD}&sequence=-1", "sequence"),
        (f"shard={SHARD}&sequence=00", "sequence"),
        (f"shard={SHARD}&sequence=x", "sequence"),
    ],
)
def test_what_cannot_be_proved_is_a_problem(query: str, field: str, plane: PublicPlane) -> None:
    """It names the parameter and its rule."""
    answer = plane.get(f"{PROOF}?{query}")
    assert (answer.status_code, answer.json()["field"]) == (400, field)


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/v1/releases/like/shown/26", 404),
        ("/v1/releases/favorite/shown/25", 404),
        ("/v1/releases/like/unknown/0", 404),
        ("/v1/releases/likes/shown/25", 400),
        ("/v1/releases/like/shown/-1", 400),
        ("/v1/releases/like/shown/1e1", 400),
    ],
)
def test_a_release_that_is_not_there(path: str, status: int, plane: PublicPlane) -> None:
    """No release is returned without a signature."""
    assert plane.get(path).status_code == status


def test_a_release_is_answered_once_it_is_signed(plane: PublicPlane, store: Store) -> None:
    """A document without a signature is not shown here."""
    store.root.hdel("g:signatures:shown:like", "25")
    assert plane.get(RELEASE).status_code == 404


def test_damage_is_an_outage_and_no_answer(plane: PublicPlane, store: Store) -> None:
    """A head or tree that cannot be read is 503, never a proof of something else."""
    store.root.hdel(f"g:tree:{SHARD}", "0:3")
    assert plane.get(f"{PROOF}?shard={SHARD}&sequence=2").status_code == 503
    store.root.hset("g:heads", "latest", "x.y.z")
    assert plane.get("/v1/privacy/ledger/heads").status_code == 503
    assert plane.get(f"{PROOF}?shard={SHARD}&sequence=2").status_code == 503


def test_before_the_first_head(plane: PublicPlane, store: Store) -> None:
    """While nothing is signed, the responses are empty lists, and a proof is refused."""
    store.root.delete("g:heads", "g:jwks")
    assert plane.get("/v1/privacy/ledger/heads").json() == {"heads": []}
    assert plane.get("/.well-known/jwks.json", token=None).json() == {"keys": []}
    assert plane.get(f"{PROOF}?shard={SHARD}&sequence=2").status_code == 400
