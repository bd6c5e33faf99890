"""An in-memory deployment for the black-box audit: sound, or with one flaw that the audit must find."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import msgspec
import numpy as np
from numpy.typing import NDArray

from privacy.audit.black_box.deployment import PREFIX, Canary, CanaryEvent, Reply
from privacy.mechanism.accounting import Calibration, calibrate
from privacy.mechanism.audience_accounting import AudienceCalibration, calibrate_audiences
from privacy.mechanism.guarantee import guarantee
from privacy.model.audience import Scope, period_at
from privacy.model.engagement import Kind
from privacy.model.timestamp import format_timestamp
from privacy.policy.file import load_policy
from privacy.policy.policy import Policy

START_MS = 1_780_000_000_000
TOTAL = ("total", "")
UNDISCLOSED = "undisclosed"
_PLACES = {"likes": 0, "videos": 1, "breakdowns": 2, "timeseries": 3}


@cache
def sandbox_policy() -> Policy:
    """The packaged policy's sandbox."""
    policy = load_policy().sandbox
    assert policy is not None
    return policy


@cache
def _calibration() -> Calibration:
    return calibrate(sandbox_policy(), Kind.LIKE)


@cache
def _guarantee() -> Mapping[str, Any]:
    return guarantee(sandbox_policy())


@dataclass(frozen=True)
class Flaws:
    """Flaws of a deployment; none by default.

    Args:
        noise: factor of the noise scale.
        noise_of_all: one draw is used for all targets.
        noise_again: one draw is used for all epochs of a number.
        noise_per_read: every read draws new noise.
        noise_per_key: every key gets its own noise.
        noise_per_way: the list of videos has its own noise.
        gate: `sound`, `exact` (no margin), `off_by_one`, `estimate` (the exact count is ignored).
        live: totals change within an epoch.
        late_from_k_ms: time by which releases about k accounts or more appear later.
        stalled: what is planted after the first release is never released.
        at_once: releases show at the end of their epochs, without the public delay.
        early: a target with likes in the running epoch is released immediately.
        filters: undeclared parameters are accepted.
        silent_bytes: answers for targets without likes have different bytes.
        quick_silence_seconds: time by which answers for targets without likes are faster.
        counting_metrics: the metrics count likes.
        audience_twice: an account counts in an audience with each of its likes.
    """

    noise: float = 1.0
    noise_of_all: bool = False
    noise_again: bool = False
    noise_per_read: bool = False
    noise_per_key: bool = False
    noise_per_way: bool = False
    gate: str = "sound"
    live: bool = False
    late_from_k_ms: int = 0
    stalled: bool = False
    at_once: bool = False
    early: bool = False
    filters: bool = False
    silent_bytes: bool = False
    quick_silence_seconds: float = 0.0
    counting_metrics: bool = False
    audience_twice: bool = False


@dataclass
class _Target:
    posted_at_ms: int
    first_epoch: int
    stalled: bool = False
    hashtag: str | None = None
    streams: dict[tuple[str, str], NDArray[np.int64]] = field(default_factory=dict)
    noise: dict[tuple[str, str], NDArray[np.float64]] = field(default_factory=dict)


@dataclass
class FakeDeployment:
    """A deployment with its own clock, which advances while the audit waits.

    Args:
        flaws: of the deployment.
        keys: number of keys of the public plane.
        rng: source of all noise.
    """

    flaws: Flaws = Flaws()
    keys: int = 2
    rng: np.random.Generator = field(default_factory=lambda: np.random.default_rng(11))
    now_ms: int = START_MS
    log: list[str] = field(default_factory=list)
    _targets: dict[str, _Target] = field(default_factory=dict)
    _liked: set[tuple[str, str]] = field(default_factory=set)
    _likes: int = 0
    _shared: dict[tuple[str, str], NDArray[np.float64]] = field(default_factory=dict)
    _audiences: dict[tuple[str, int], list[str]] = field(default_factory=dict)
    _drawn: dict[tuple[str, int], float] = field(default_factory=dict)

    @cached_property
    def _hashtags(self) -> AudienceCalibration:
        return next(
            calibration
            for calibration in calibrate_audiences(sandbox_policy())
            if calibration.period.scope is Scope.HASHTAG
        )

    @cached_property
    def policy(self) -> Policy:
        """The claimed policy."""
        return sandbox_policy()

    @cached_property
    def _scales(self) -> dict[str, int]:
        return {statistic.name: statistic.scale for statistic in _calibration().statistics}

    def clock(self) -> int:
        """Returns the time."""
        return self.now_ms

    def stopwatch(self) -> float:
        """Returns the time in seconds."""
        return self.now_ms / 1000

    def wait(self, seconds: float) -> None:
        """Advances the clock."""
        self.now_ms += round(1000 * seconds)

    def plant(self, canaries: Sequence[Canary]) -> None:
        """Registers canaries."""
        stalled = self.flaws.stalled and any(
            self._epoch(it) >= it.first_epoch for it in self._targets.values()
        )
        for canary in canaries:
            first = self.policy.schedule.first_open_epoch(canary.posted_at_ms, self.now_ms)
            assert first is not None
            self._targets[canary.public_id] = _Target(canary.posted_at_ms, first, stalled, canary.hashtag)

    def send(self, events: Sequence[CanaryEvent]) -> None:
        """Counts events in the current epoch."""
        epochs: dict[int, int | None] = {}
        for event in events:
            target = self._targets[PREFIX + event.video]
            posted_at_ms = target.posted_at_ms
            if posted_at_ms not in epochs:
                epochs[posted_at_ms] = self.policy.schedule.first_open_epoch(posted_at_ms, self.now_ms)
            epoch = epochs[posted_at_ms]
            pair = (event.account, event.video)
            if (pair in self._liked) == event.liked or epoch is None:
                continue
            self._liked ^= {pair}
            if target.hashtag:
                audience = target.hashtag, period_at(self.now_ms, self._hashtags.period.every_seconds)
                self._audiences.setdefault(audience, []).append(event.account)
            self._likes += 1
            change = 1 if event.liked else -1
            self._stream(target, TOTAL)[epoch] += change
            for name in self._dimensions:
                self._stream(target, (name, event.profile.get(name, UNDISCLOSED)))[epoch] += change

    def metrics(self) -> Mapping[str, bytes]:
        """Returns the metrics of both planes."""
        line = 'likewise_http_requests_total{operation="get_likes",status="200"} 12.0\n'
        likes = f"likewise_likes_total {self._likes}\n" if self.flaws.counting_metrics else ""
        return {"public": line.encode(), "platform": (line + likes).encode()}

    def read(self, path: str, key: int | None = 0, headers: Mapping[str, str] | None = None) -> Reply:  # noqa: ARG002 - a Deployment's
        """Answers like the public plane."""
        self.now_ms += 1
        parts = urlsplit(path)
        query = dict(parse_qsl(parts.query))
        unknown = query.keys() - {"ids", "by", "limit", "cursor", "version", "period"}
        if unknown and not self.flaws.filters:
            return Reply(400, {}, b"{}", 0.001)
        steps = parts.path.strip("/").split("/")[1:]
        if steps[0] == "hashtags":
            document: Any = self._answer_audience(steps[1].removeprefix(PREFIX))
        elif steps == ["privacy"]:
            document = {**_guarantee()} | {"sandbox": {"version": self.policy.version}}
        elif steps == ["query"]:
            document = {"rows": self._answer_query(query["ids"].split(","), key, each="by" in query)}
        elif len(steps) == 1:
            ids = sorted(set(query["ids"].split(",")))
            document = {"videos": [self._video(name, key) for name in ids], "unknown": []}
        else:
            document = self._answer(steps[1], steps[2:], query, key)
        return Reply(
            200, {"content-type": "application/json"}, msgspec.json.encode(document), self._seconds(steps)
        )

    @cached_property
    def _dimensions(self) -> list[str]:
        return [
            dimension.name for dimension in self.policy.domain.dimensions if dimension.name != "hour_of_day"
        ]

    def _seconds(self, steps: list[str]) -> float:
        unliked = len(steps) > 1 and steps[1] in self._targets and not self._targets[steps[1]].streams
        return float(self.rng.gamma(4, 1e-4)) - (self.flaws.quick_silence_seconds if unliked else 0)

    def _answer_audience(self, hashtag: str) -> dict[str, Any]:
        """Answers with the periods of a hashtag that are visible; those of these campaigns are all shown."""
        every = self._hashtags.period.every_seconds
        visible = period_at(self.now_ms - self.policy.public_delay_ms, every)
        found = []
        for (name, period), accounts in self._audiences.items():
            if name == hashtag and period < visible:
                count = len(accounts if self.flaws.audience_twice else set(accounts))
                scale = float(self._hashtags.deviations[0]) * self.flaws.noise
                noise = self._drawn.setdefault((name, period), self.rng.normal(0, scale) if scale else 0.0)
                found.append({"total": {"value": round(count + noise), "epoch": period}})
        return {"audiences": found}

    def _answer_query(self, ids: list[str], key: int | None, *, each: bool) -> list[dict[str, Any]]:
        """Answers with a row for each video, or with their sum."""
        numbers = {
            name: self._number(self._targets[name], TOTAL, self._epoch(self._targets[name]), key, "query")
            for name in ids
        }
        if each:
            return [{"video_id": name, "metrics": {"likes": number}} for name, number in numbers.items()]
        shown = [number["value"] for number in numbers.values() if number["value"] is not None]
        return [{"metrics": {"likes": {"value": sum(shown) if shown else None}}}]

    def _video(self, name: str, key: int | None) -> dict[str, Any]:
        number = self._number(self._targets[name], TOTAL, self._epoch(self._targets[name]), key, "videos")
        return {"video_id": name, "likes": number}

    def _answer(
        self, name: str, steps: list[str], query: Mapping[str, str], key: int | None
    ) -> dict[str, Any]:
        target = self._targets[name]
        epoch = self._epoch(target)
        way = steps[1] if len(steps) > 1 else "likes"
        document: dict[str, Any] = {"video_id": name}
        if self.flaws.silent_bytes and not target.streams:
            document["note"] = "nobody yet"
        if not steps:
            return document
        if way == "timeseries":
            return document | self._timeseries(target, epoch, query, key)
        document["total"] = self._number(target, TOTAL, epoch, key, way)
        if way == "breakdowns":
            cells = next(item.cells for item in self.policy.domain.dimensions if item.name == steps[2])
            document["cells"] = [
                {"cell": cell, "likes": self._number(target, (steps[2], cell), epoch, key, way)}
                for cell in cells
            ]
        return document

    def _timeseries(
        self, target: _Target, epoch: int, query: Mapping[str, str], key: int | None
    ) -> dict[str, Any]:
        start, limit = int(query.get("cursor", target.first_epoch)), int(query.get("limit", 100))
        shown = range(start, min(epoch + 1, start + limit))
        return {
            "points": [{"total": self._number(target, TOTAL, at, key, "timeseries")} for at in shown],
            "next_cursor": str(shown.stop) if shown.stop <= epoch else None,
        }

    def _epoch(self, target: _Target) -> int:
        """Returns the epoch of the current release; below the first epoch if there is none."""
        if target.stalled:
            return -1
        total = target.streams.get(TOTAL)
        late_ms = 0 if self.flaws.at_once else self.policy.public_delay_ms
        if self.flaws.late_from_k_ms and total is not None and total.sum() >= self.policy.k:
            late_ms += self.flaws.late_from_k_ms
        age_seconds = (self.now_ms - late_ms - target.posted_at_ms) / 1000
        epoch = int(np.searchsorted(self.policy.schedule.due_ages_seconds, age_seconds, side="right")) - 1
        if self.flaws.early and epoch > 0 and total is not None and total[epoch + 1]:
            epoch += 1
        return epoch

    def _stream(self, target: _Target, stream: tuple[str, str]) -> NDArray[np.int64]:
        if stream not in target.streams:
            target.streams[stream] = np.zeros(self.policy.schedule.epochs, np.int64)
        return target.streams[stream]

    def _number(
        self, target: _Target, stream: tuple[str, str], epoch: int, key: int | None, way: str
    ) -> dict[str, Any]:
        schedule = self.policy.schedule
        if epoch < target.first_epoch:
            return {
                "value": None,
                "ci95": None,
                "status": "withheld",
                "epoch": None,
                "next_release_at": None,
                "overdue": False,
            }
        value = self._estimate(target, stream, epoch, key, way)
        passes = self._passes(target, stream, epoch, value)
        due_ms = schedule.next_due_ms(target.posted_at_ms, epoch)
        next_ms = due_ms and due_ms + self.policy.public_delay_ms
        return {
            "value": round(value) if passes else None,
            "ci95": [round(value) - 30, round(value) + 30] if passes else None,
            "status": "published" if passes else "withheld",
            "epoch": epoch,
            "next_release_at": next_ms and way != "timeseries" and format_timestamp(next_ms),
            "overdue": False,
        }

    def _estimate(
        self, target: _Target, stream: tuple[str, str], epoch: int, key: int | None, way: str
    ) -> float:
        flaws, scale = self.flaws, self._scales[stream[0]] * self.flaws.noise
        changes = target.streams.get(stream)
        if changes is None:
            return 0.0
        if stream not in target.noise:
            target.noise[stream] = self._draw(stream, scale, len(changes))
        row = (key or 0) if flaws.noise_per_key else 2 + _PLACES[way] if flaws.noise_per_way else 0
        noise = self.rng.normal(0, scale, len(changes)) if flaws.noise_per_read else target.noise[stream][row]
        counted = changes.copy()
        if flaws.live:
            running = self.policy.schedule.first_open_epoch(target.posted_at_ms, self.now_ms)
            counted[epoch] += counted[epoch + 1 : (running or epoch) + 1].sum()
        encoder, decoder = _calibration().factorisation.encoder, _calibration().factorisation.decoder
        return float(decoder[epoch] @ (encoder @ counted + noise))

    def _draw(self, stream: tuple[str, str], scale: float, epochs: int) -> NDArray[np.float64]:
        """Draws the noise of each resource and epoch."""
        shared = self.flaws.noise_of_all
        if shared and stream in self._shared:
            return self._shared[stream]
        drawn = self.rng.normal(0, scale, (6, epochs)) if scale else np.zeros((6, epochs))
        if self.flaws.noise_again:
            drawn[:] = drawn[:, :1]
        self._shared[stream] = drawn
        return drawn

    def _passes(self, target: _Target, stream: tuple[str, str], epoch: int, estimate: float) -> bool:
        exact = int(target.streams.get(stream, np.zeros(1, np.int64))[: epoch + 1].sum())
        k, gate = self.policy.k, self.flaws.gate
        statistic = next(
            index for index, item in enumerate(_calibration().statistics) if item.name == stream[0]
        )
        margin = self._margins[statistic][epoch]
        if gate == "exact":
            return exact >= k
        if gate == "off_by_one":
            return exact >= k - 1 and estimate >= k - 1
        if gate == "estimate":
            return estimate >= k
        return exact >= k and estimate >= margin

    @cached_property
    def _margins(self) -> list[list[int]]:
        statistics = _guarantee()["kinds"]["like"]["statistics"]
        return [statistic["threshold_by_epoch"] for statistic in statistics]
