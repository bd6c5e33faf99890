"""Detects coordinated activity: many accounts on one network, or with the same targets in the same order."""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from privacy.model.engagement import Kind
from privacy.moderation.advisories import Advisory, Signal
from privacy.policy.integrity import Integrity
from privacy.vault.account_record import HeldAccount

MAX_RECENT_ENGAGEMENTS = 100
"""Likes per account that are compared: enough for current activity, and a bound on memory."""


@dataclass
class CoordinatedActivityDetector:
    """Detects coordinated activity in one sweep: observes every account once, then returns its findings.

    Args:
        integrity: how many accounts and targets make a finding.
        seen_at_ms: when the sweep began.
    """

    integrity: Integrity
    seen_at_ms: int
    _handles: list[bytes] = field(default_factory=list, init=False)
    _networks: dict[bytes, list[int]] = field(default_factory=dict, init=False)
    _sequences: array[int] = field(default_factory=lambda: array("q"), init=False)
    _owners: array[int] = field(default_factory=lambda: array("q"), init=False)

    def observe(self, handle: bytes, held: HeldAccount) -> None:
        """Add an account."""
        account = len(self._handles)
        self._handles.append(handle)
        if held.network:
            self._networks.setdefault(held.network, []).append(account)
        likes = sorted(
            (register.at_ms, register.series.number)
            for register in held.registers
            if register.liked and register.series.kind is Kind.LIKE
        )[-MAX_RECENT_ENGAGEMENTS:]
        targets = [number for _, number in likes]
        length = self.integrity.sequence_targets
        # What has one time has no order: a resync gives its own time to everything that it adds.
        ties = [at for at in range(1, len(likes)) if likes[at][0] == likes[at - 1][0]]
        # The hash of a tuple of integers is the same in every process. An account counts once per sequence.
        sequences = {
            hash(tuple(targets[at : at + length]))
            for at in range(len(targets) - length + 1)
            if bisect_right(ties, at) == bisect_left(ties, at + length)
        }
        self._sequences.extend(sequences)
        self._owners.extend([account] * len(sequences))

    def findings(self) -> Iterator[Advisory]:
        """Yield a finding per network and per cluster of accounts."""
        for accounts in self._networks.values():
            if len(accounts) >= self.integrity.network_accounts:
                yield self._make_advisory(Signal.NETWORK, accounts)
        for accounts in self._clusters():
            yield self._make_advisory(Signal.SEQUENCE, accounts)

    def _clusters(self) -> list[list[int]]:
        """Return the groups of accounts that are connected by sequences which enough of them share."""
        order = np.argsort(np.frombuffer(self._sequences, np.int64), kind="stable")
        sequences = np.frombuffer(self._sequences, np.int64)[order]
        owners = np.frombuffer(self._owners, np.int64)[order]
        bounds = np.flatnonzero(np.diff(sequences, prepend=sequences[:1] - 1, append=sequences[-1:] + 1))
        leader: dict[int, int] = {}

        def leader_of(account: int) -> int:
            while (above := leader.setdefault(account, account)) != account:
                leader[account] = leader[above]
                account = above
            return account

        for start, stop in zip(bounds[:-1].tolist(), bounds[1:].tolist(), strict=True):
            if stop - start >= self.integrity.sequence_accounts:
                first, *others = owners[start:stop].tolist()
                for other in others:
                    leader[leader_of(other)] = leader_of(first)
        clusters: dict[int, list[int]] = {}
        for account in leader:
            clusters.setdefault(leader_of(account), []).append(account)
        return list(clusters.values())

    def _make_advisory(self, signal: Signal, accounts: list[int]) -> Advisory:
        return Advisory(
            signal, self.seen_at_ms, len(accounts), [self._handles[account] for account in accounts]
        )
