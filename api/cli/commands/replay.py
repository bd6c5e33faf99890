"""`likewise replay`: replays a recorded history through the real intake, with every release on the way."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from shlex import quote
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, NamedTuple

import click

from api.cli.console import echo, progress, show, show_json
from api.cli.options import json_option, policy_option
from api.http.command import epilog
from api.http.system import clock_ms, entropy
from api.http.terminal import make_line
from api.replay.actions import read_actions
from api.replay.evaluation import ErrorSummary, Evaluation
from api.replay.exact_counts import ExactCounts, SeriesName
from api.replay.in_process import open_in_process_system
from api.replay.recording import (
    count_lines,
    parse_creator_id,
    parse_video_id,
    read_creators,
    read_events,
    read_videos,
)
from api.replay.records import Action, TimedRecord
from api.replay.report import ReplayReport
from api.runtime.policy_source import read_policy
from api.runtime.store_keys import KeyFiles
from api.runtime.store_setup import ONE_SHARD, PreparedStore, StoreSetup
from privacy.embedded.rooms import EmbeddedRooms
from privacy.errors import ConflictError
from privacy.model.engagement import Kind, TargetType
from privacy.store.connect import connect
from privacy.store.settings import Settings
from privacy.store.users import PUBLIC

if TYPE_CHECKING:
    from rich.progress import Progress

_recorded_file = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command(
    epilog=epilog(
        "likewise replay --videos videos.ndjson.gz --events likes.ndjson.gz \\",
        "  --policy examples/ml100k/policy.toml --evaluate",
        "likewise replay --videos V --events E --data-folder .history",
        "likewise up --data-folder .history     serves what was replayed",
    )
)
@click.option(
    "--videos",
    "videos_file",
    type=_recorded_file,
    required=True,
    help="Videos as NDJSON, optionally gzipped.",
)
@click.option(
    "--events",
    "events_file",
    type=_recorded_file,
    required=True,
    help="Events as NDJSON, optionally gzipped.",
)
@policy_option
@click.option(
    "--creators",
    "creators_file",
    type=_recorded_file,
    help="Followed creators as NDJSON, optionally gzipped.",
)
@click.option(
    "--actions",
    "actions_file",
    type=_recorded_file,
    help="Bans, purges and reinstatements, each with its time in `at`, as NDJSON, optionally gzipped.",
)
@click.option(
    "--data-folder",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder of the store; a temporary folder if not given.",
)
@click.option(
    "--evaluate",
    is_flag=True,
    help="Compare the published numbers with the exact counts; for the operator only.",
)
@json_option
def command(
    videos_file: Path,
    events_file: Path,
    creators_file: Path | None,
    actions_file: Path | None,
    policy_file: Path | None,
    data_folder: Path | None,
    *,
    evaluate: bool,
    as_json: bool,
) -> None:
    """Replay a recorded history through the real intake.

    Under a virtual clock, each video is registered when it was posted, each event arrives when it occurred,
    and every release is made when it is due, with noise and gate, until the last one. The store is an
    embedded one of its own. Replaying into the same folder again continues where the last replay stopped,
    and changes nothing if that replay was complete.
    """
    source = read_policy(policy_file)
    with ExitStack() as held:
        # One level down: what is kept next to the data folder goes with the temporary folder, too.
        folder = (
            data_folder or Path(held.enter_context(TemporaryDirectory(prefix="likewise-replay-"))) / "data"
        )
        rooms = held.enter_context(EmbeddedRooms(folder))
        settings = Settings.from_environment(os.environ if data_folder else {}, folder)
        keys, guard = KeyFiles.of(settings), settings.rollback_guard_dir
        store = StoreSetup(source, keys, guard, clock_ms, entropy, ONE_SHARD).prepare(rooms.settings)
        bars = held.enter_context(progress(quiet=as_json))
        actions = read_actions(actions_file) if actions_file else []
        creators = read_creators(creators_file) if creators_file else []
        recording = Recording(read_videos(videos_file), creators, events_file, actions)
        report = _replay(store, recording, bars, evaluate=evaluate)
    if as_json:
        show_json(report.document())
        return
    show(*report.tables())
    if data_folder:
        named = make_line(quote(str(data_folder)))
        echo(f"Serve it with `likewise up --data-folder {named}` and the same --policy.")


class Recording(NamedTuple):
    """A recorded history."""

    videos: Sequence[TimedRecord]
    creators: Sequence[TimedRecord]
    events_file: Path
    actions: Sequence[Action]

    def series(self, kinds: Iterable[Kind]) -> list[SeriesName]:
        """Returns the names of all series that are counted."""
        ids = {
            TargetType.VIDEO: dict.fromkeys(map(parse_video_id, self.videos)),
            TargetType.CREATOR: dict.fromkeys(map(parse_creator_id, self.creators)),
        }
        return [SeriesName(kind, target_id) for kind in kinds for target_id in ids[kind.target_type]]


def _replay(store: PreparedStore, recording: Recording, bars: Progress, *, evaluate: bool) -> ReplayReport:
    if evaluate and not store.is_new:
        raise ConflictError(
            "--evaluate: this folder already holds a history, and its exact counts were not kept; "
            "omit --data-folder or name a new folder"
        )
    task = bars.add_task("events", total=count_lines(recording.events_file))
    with open_in_process_system(store, lambda count: bars.advance(task, count), equal_work=False) as system:
        exact = ExactCounts(store.registry.current, system.clock)
        if evaluate:
            system.intake.listener, system.staff.listener = exact.record_events, exact.record_actions
        events = read_events(recording.events_file, clock_ms)
        system.timeline.run(recording.videos, events, None, recording.actions, recording.creators)
        if not evaluate:
            return ReplayReport.from_system(system, None)
        series = recording.series(store.registry.current.budgets)
        return ReplayReport.from_system(system, _compare(store, exact, series, bars))


def _compare(
    store: PreparedStore, exact: ExactCounts, series: Sequence[SeriesName], bars: Progress
) -> list[ErrorSummary]:
    task = bars.add_task("series compared", total=len(series))
    with closing(connect(store.settings, PUBLIC)) as client:
        evaluation = Evaluation(exact, client)
        for name in series:
            evaluation.add(name)
            bars.advance(task)
    return evaluation.summarize()
