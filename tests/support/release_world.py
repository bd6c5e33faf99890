"""A tally with logs, a gallery and release workers, with checks of what must always hold."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from hashlib import sha256

import msgspec
import numpy as np
import redis

from privacy.catalogue.catalogue import Catalogue
from privacy.mechanism.accounting import Calibration, calibrate
from privacy.mechanism.entropy import EntropySource
from privacy.model.change import change_code
from privacy.model.documents import LedgerEntry, ReleaseDocument
from privacy.model.engagement import KINDS_PER_TARGET, Kind, TargetType
from privacy.model.timestamp import MS_PER_HOUR
from privacy.policy.policy import Policy
from privacy.publishing.publisher import Publisher
from privacy.release.history import MEASUREMENT, NET_CHANGE
from privacy.release.marginals import compute_net_changes
from privacy.release.publication import ReleasePublication
from privacy.release.worker import ReleaseWorker
from privacy.store.keys import gallery_key, tally_key
from privacy.tally.outbox_relay import Relay
from privacy.tally.series import TallyShard
from tests.support.profiles import entropy_of
from tests.support.redis_server import Store
from tests.support.registers import HEADER, join_changes, log_element, log_key, raw, read_changes
from tests.support.small_policy import small_policy
from tests.support.stepped_redis import Hook, SteppedRedis
from tests.support.targets import a_video

LIKE, UNLIKED = 0, 1
AFTER_EVERY_TICK_MS = 1 << 62
VIDEOS = tuple(f"video-{number}" for number in range(5))


@cache
def _calibrations() -> dict[str, Calibration]:
    policies = [small_policy(), small_policy("smaller", k=2, epochs=3), small_policy("long", epochs=40)]
    return {policy.version: calibrate(policy, Kind.LIKE) for policy in policies}


def send(step: Callable[[], object]) -> object:
    """Do a store call: the hook of a client that nothing interrupts."""
    return step()


@dataclass
class ReleaseWorld:
    """One store and its virtual clock.

    Args:
        store: its clients.
    """

    store: Store
    numbers: dict[str, int] = field(default_factory=dict)
    """Series of each registered video."""
    entropy: EntropySource = field(default_factory=lambda: entropy_of("release world"))
    """One stream for all workers: no two of them draw the same bytes."""
    added: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list), init=False)
    """Every change of a video that `add_changes` made."""
    _now_ms: int = field(default=0, init=False)

    @property
    def now_ms(self) -> int:
        """The time. Setting it lets a relay write how far the outboxes are applied then."""
        return self._now_ms

    @now_ms.setter
    def now_ms(self, moment_ms: int) -> None:
        self._now_ms = moment_ms
        self.relay().drain()

    def relay(self) -> Relay:
        """Return a relay under this clock."""
        return Relay(self.store.relay, HEADER, lambda: self._now_ms)

    def reset(self) -> None:
        """Empty the store and register the videos under the policy `small`, at age zero."""
        self.store.flush()
        self.now_ms, self.numbers = 0, {}
        self.added.clear()
        self.register(VIDEOS, calibration().policy)

    def mark(self) -> Callable[[], None]:
        """Return a function that brings store and clock back to this moment, as often as it is called."""
        dumped, now_ms, numbers = self.store.dump(), self._now_ms, dict(self.numbers)
        added = {video: tuple(codes) for video, codes in self.added.items()}

        def go_back() -> None:
            self.store.put_back(dumped)
            self._now_ms, self.numbers = now_ms, dict(numbers)
            self.added = defaultdict(list, {video: list(codes) for video, codes in added.items()})

        return go_back

    def register(self, videos: Iterable[str], policy: Policy, starts_at_ms: int = 0) -> None:
        """Register videos."""
        names = list(videos)
        publish = Publisher(self.store.publisher).publish_targets
        catalogue = Catalogue(self.store.platform, HEADER.target_shards, policy, publish)
        catalogue.register([a_video(name, starts_at_ms) for name in names], self.now_ms)
        for name, target in catalogue.lookup(TargetType.VIDEO, names).items():
            self.numbers[name] = target.number * KINDS_PER_TARGET + Kind.LIKE

    def add_changes(self, video: str, cell: Mapping[str, str], times: int, change: int = LIKE) -> None:
        """Append the given number of changes to the log of a video, as the relay would, taken in now."""
        codes = [change_code(calibration().policy.domain.code(cell), change)] * times
        self.store.root.rpush(log_key(self.numbers[video]), log_element(self.now_ms // 1000, codes))
        self.added[video] += codes

    def like_everything(self) -> None:
        """Give every video except the last enough likes to be shown, and the last fewer than k."""
        for place, video in enumerate(VIDEOS[:-1]):
            self.add_changes(video, {"gender": "female", "region": "DE"}, 40 + place)
            self.add_changes(video, {"gender": "male"}, 2)
        self.add_changes(VIDEOS[-1], {}, 2)

    def worker(self, hook: Hook = send, entropy: EntropySource | None = None) -> ReleaseWorker:
        """A release worker whose store calls pass through a hook."""
        return ReleaseWorker(self._shards(hook), calibration_of, entropy or self.entropy, lambda: self.now_ms)

    def publication(self, hook: Hook = send) -> ReleasePublication:
        """Return what copies releases, with store calls, on both sides, that pass through a hook."""
        publisher = Publisher(SteppedRedis(self.store.publisher, hook))
        return ReleasePublication(self._shards(hook), publisher)

    def publish(self, hook: Hook = send) -> int:
        """Copy every release that waits, as at the last of their ticks; returns their number."""
        return self.publication(hook).publish(AFTER_EVERY_TICK_MS)

    def run_due(self, hook: Hook = send, entropy: EntropySource | None = None) -> int:
        """Release what is due and copy it; returns the number of releases that were written."""
        written = self.worker(hook, entropy).run_due()
        self.publish(hook)
        return written

    def _shards(self, hook: Hook) -> list[TallyShard]:
        client = SteppedRedis(self.store.release, hook)
        return [TallyShard(client, shard) for shard in range(HEADER.target_shards)]

    def records(self) -> dict[str, bytes]:
        """Return every write-once record: measurements, net changes, ledgers, content of the gallery."""
        shards = range(HEADER.target_shards)
        lists = {f"ledger {shard}": tally_key(shard, "ledger") for shard in shards}
        hashes = {f"gallery ledger {shard}": gallery_key("ledger", shard) for shard in shards}
        for video, number in self.numbers.items():
            lists |= {f"{name} {video}": self._series_key(name, number) for name in ("measured", "net")}
            hashes |= {f"{name} {video}": gallery_key(name, video, "like") for name in ("releases", "points")}
        reads = self.store.root.pipeline(transaction=False)
        for key in lists.values():
            reads.lrange(key, 0, -1)
        for key in hashes.values():
            reads.hgetall(key)
        replies = iter(reads.execute())
        records = {name: b"\n".join(next(replies)) for name in lists}
        for name in hashes:
            records |= {f"{name} {field!r}": content for field, content in next(replies).items()}
        return records

    def check_kept(self, before: Mapping[str, bytes]) -> None:
        """Check that no record has changed, except that append-only records have grown at their ends.

        The exact net changes of a series are gone after its last epoch.
        """
        now, running = self.records(), self._list_running()
        for name, content in before.items():
            grows = name.startswith(("measured", "net", "ledger"))
            if name.startswith("net") and self.numbers[name.partition(" ")[2]] not in running:
                assert now[name] == b""
            else:
                assert now[name].startswith(content) if grows else now[name] == content, name

    def check(self, epochs: Mapping[str, int]) -> None:
        """Check that every video has the given number of releases, and that tally, ledger and gallery agree.

        Args:
            epochs: by video.
        """
        entries = self._ledger_entries()
        released = sorted((entry.target_id, entry.epoch) for entry in entries)
        assert released == sorted((video, epoch) for video, count in epochs.items() for epoch in range(count))
        reads = self.store.public.pipeline(transaction=False)
        for entry in entries:
            reads.hget(gallery_key("releases", entry.target_id, "like"), str(entry.epoch))
        for entry, document in zip(entries, reads.execute(), strict=True):
            assert sha256(document).hexdigest() == entry.release_sha256
            decoded = msgspec.json.decode(document, type=ReleaseDocument)
            assert (decoded.target_id, decoded.epoch) == (entry.target_id, entry.epoch)
            assert decoded.as_of_ms <= self.now_ms
        running = self._list_running()
        for video, count in epochs.items():
            self._check_gallery(video, count)
            self._check_records(video, count, is_running=self.numbers[video] in running)

    def _ledger_entries(self) -> list[LedgerEntry]:
        """Return the entries of all chains, after checking every link."""
        entries = []
        for shard in range(HEADER.target_shards):
            reads = self.store.root.pipeline(transaction=False)
            reads.lrange(tally_key(shard, "ledger"), 0, -1)
            reads.hgetall(gallery_key("ledger", shard))
            reads.get(tally_key(shard, "head"))
            reads.xlen(tally_key(shard, "pending"))
            reads.zcard(tally_key(shard, "visible"))
            lines, published, head, *waiting = reads.execute()
            previous = ""
            for sequence, line in enumerate(lines):
                entry = msgspec.json.decode(line, type=LedgerEntry)
                assert (entry.shard, entry.sequence, entry.previous) == (shard, sequence, previous)
                previous = sha256(line).hexdigest()
                entries.append(entry)
            assert published == {str(sequence).encode(): line for sequence, line in enumerate(lines)}
            assert (head or b"") == previous.encode()
            assert waiting == [0, 0]
        return entries

    def _check_gallery(self, video: str, count: int) -> None:
        """As many releases as epochs have a document and a point, and the last one is the current one."""
        reads = self.store.root.pipeline(transaction=False)
        reads.hgetall(gallery_key("releases", video, "like"))
        reads.hlen(gallery_key("points", video, "like"))
        releases, points = reads.execute()
        assert len(releases) == points == count
        current = self.store.public.get(gallery_key("current", video, "like"))
        assert current == releases.get(str(count - 1).encode())

    def _check_records(self, video: str, count: int, *, is_running: bool) -> None:
        """A measured stream has one measurement a step; each change is in the net changes or the log, once.

        After the last epoch neither is left.
        """
        number = self.numbers[video]
        reads = self.store.root.pipeline(transaction=False)
        for name in ("measured", "net", "log"):
            reads.lrange(self._series_key(name, number), 0, -1)
        *records, log = reads.execute()
        measured, net = (
            np.frombuffer(b"".join(parts), dtype)
            for parts, dtype in zip(records, (MEASUREMENT, NET_CHANGE), strict=True)
        )
        drawn = sorted(zip(measured["stream"].tolist(), measured["step"].tolist(), strict=True))
        streams = sorted(set(measured["stream"].tolist()))
        assert drawn == [(stream, step) for stream in streams for step in range(count)]
        assert len({(step, stream) for step, stream, _ in net.tolist()}) == len(net)
        if not is_running:
            assert (len(net), log) == (0, [])
        elif video in self.added:
            left = np.frombuffer(join_changes(log), "<u4").tolist()
            counted = int(net["value"][net["stream"] == 0].sum())
            assert counted + _net(left) == _net(self.added[video])

    def _list_running(self) -> set[int]:
        """Return the series that have an epoch to come."""
        reads = self.store.root.pipeline(transaction=False)
        for shard in range(HEADER.target_shards):
            reads.zrange(tally_key(shard, "due"), 0, -1)
        return {int(number) for numbers in reads.execute() for number in numbers}

    @staticmethod
    def _series_key(name: str, number: int) -> str:
        return tally_key(number // KINDS_PER_TARGET % HEADER.target_shards, name, number)


def count_streams(
    changes: Mapping[tuple[int, int], int], series: Sequence[int], policy: Policy
) -> dict[int, list[int]]:
    """Return the count of every stream of each series, from how often each (series, change code) occurred."""
    rows = [(series.index(number), code, times) for (number, code), times in changes.items()]
    index, codes, times = np.array(rows, np.int64).reshape(-1, 3).T
    net = compute_net_changes(
        np.repeat(index, times), np.repeat(codes, times).astype(np.uint32), len(series), policy
    )
    return dict(zip(series, net.tolist(), strict=True))


def read_counts(root: redis.Redis, series: Sequence[int], policy: Policy) -> dict[int, list[int]]:
    """Return the count of every stream of each series: what releases have counted, and what they have not."""
    counts = count_streams(read_changes(root, series), series, policy)
    for number in series:
        shard = number // KINDS_PER_TARGET % HEADER.target_shards
        net = b"".join(map(raw, root.lrange(tally_key(shard, "net", number), 0, -1)))
        for _, stream, value in np.frombuffer(net, NET_CHANGE).tolist():
            counts[number][stream] += value
    return counts


def _net(codes: Iterable[int]) -> int:
    return sum(1 if code % 16 == LIKE else -1 for code in codes)


def calibration(version: str = "small") -> Calibration:
    """The mechanism of likes under one of the worlds' policies."""
    return _calibrations()[version]


def calibration_of(version: str, kind: Kind) -> Calibration:
    """The same, as a worker asks for it."""
    assert kind is Kind.LIKE
    return calibration(version)


def hours(count: int) -> int:
    """Return the given number of hours in ms: the end of that epoch of the small policies."""
    return count * MS_PER_HOUR
