"""After an erasure no id, pseudonym or handle of the account is in the store or in its files on disk."""

from pathlib import Path

from tests.support.eventually import eventually
from tests.support.platform_plane import PSEUDONYMISER, keys
from tests.support.redis_server import clients, server_with_root
from tests.support.staff import office_on

ACCOUNT = "the-person-4711"


def test_no_trace_is_left_on_disk(tmp_path: Path) -> None:
    """The files of the store's folder are searched as bytes; names and values of keys through the store."""
    with server_with_root(tmp_path) as server, clients(server) as store:
        office = office_on(store)
        office.plane.register("v-1", "v-2", "v-3")
        office.like(ACCOUNT, "v-1", "v-2", "v-3")
        office.moderate("restrict", ACCOUNT, until="2027-01-01T00:00:00Z")
        office.purge({"account_id": ACCOUNT})
        office.work()
        account, handle = PSEUDONYMISER.pseudonymise(ACCOUNT), PSEUDONYMISER.derive_handles([ACCOUNT])[0].name
        traces = [ACCOUNT.encode(), account.pseudonym, handle]
        traces += [trace.hex().encode() for trace in traces[1:]]
        assert found_in(tmp_path, traces)
        assert office.request("erasures", ACCOUNT).json["engagements"] == 3

        def is_rewritten() -> bool:
            office.plane.clock.now_ms += 1_000
            office.maintenance.step()
            return store.root.get("p:rewrites:completed") == store.root.get("p:rewrites:requested")

        eventually(is_rewritten, "the log being rewritten")
        held = b"".join(name + (store.root.dump(name) or b"") for name in keys(store))
        assert not [trace for trace in traces if trace in held]
        assert found_in(tmp_path, traces) == []


def found_in(folder: Path, traces: list[bytes]) -> list[tuple[str, bytes]]:
    """Return which files contain which traces."""
    return [
        (path.name, trace)
        for path in folder.rglob("*")
        if path.is_file()
        for trace in traces
        if trace in path.read_bytes()
    ]
