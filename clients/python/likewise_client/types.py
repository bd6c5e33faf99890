"""Types of the answers, generated from openapi.yaml by `make client-types`."""

from __future__ import annotations

from typing import Any, Literal, NotRequired

from typing import TypedDict


class Problem(TypedDict):
    type: str
    title: str
    status: int
    detail: str
    field: NotRequired[str]
    message: NotRequired[str]
    expected: NotRequired[str]
    reason: NotRequired[str]


class Number(TypedDict):
    value: int | None
    ci95: list[int] | None
    status: Literal["published", "withheld"]
    reason: Literal["below_threshold", "not_yet_released", "span_below_one_day", "not_modelled", "netted_below_zero"] | None
    epoch: int | None
    as_of: str | None
    next_release_at: str | None
    overdue: bool


class ListedVideo(TypedDict):
    video_id: str
    creator_id: str | None
    title: str | None
    hashtags: list[str]
    sound_id: str | None
    duration_seconds: int | None
    posted_at: str
    counted_from: str
    policy_version: str
    likes: Number
    favorites: NotRequired[Number]
    likes_change_per_day: NotRequired[Number]


class Compared(TypedDict):
    videos: int
    complete: bool


class Videos(TypedDict):
    videos: list[ListedVideo]
    gone: list[str]
    unknown: list[str]
    next_cursor: str | None
    compared: Compared | None


class Video(TypedDict):
    video_id: str
    creator_id: str | None
    title: str | None
    hashtags: list[str]
    sound_id: str | None
    duration_seconds: int | None
    posted_at: str
    counted_from: str
    policy_version: str


class CreatorWithFollowers(TypedDict):
    creator_id: str
    name: str | None
    counted_from: str
    policy_version: str
    followers: Number


class Creators(TypedDict):
    creators: list[CreatorWithFollowers]
    gone: list[str]
    unknown: list[str]


class Creator(TypedDict):
    creator_id: str
    name: str | None
    counted_from: str
    policy_version: str


class Benchmark(TypedDict):
    video_id: str
    likes: Number
    percentile: float | None
    percentile_range: list[float] | None
    status: str
    reason: str | None
    peers: int
    covered: int
    withheld: int
    younger: int


class VideoWithLikes(TypedDict):
    video_id: str
    creator_id: str | None
    title: str | None
    hashtags: list[str]
    sound_id: str | None
    duration_seconds: int | None
    posted_at: str
    counted_from: str
    policy_version: str
    likes: Number


class CreatorVideos(TypedDict):
    creator_id: str
    videos: list[VideoWithLikes]
    next_cursor: str | None


class Hashtag(TypedDict):
    hashtag: str
    videos: int
    latest: list[VideoWithLikes]


class Sound(TypedDict):
    sound_id: str
    videos: int
    latest: list[VideoWithLikes]


class LikesTotal(TypedDict):
    video_id: str
    total: Number


class LikesCell(TypedDict):
    cell: str
    likes: Number


class LikesBreakdown(TypedDict):
    video_id: str
    dimension: str
    total: Number
    cells: list[LikesCell]
    other: Number


class Point(TypedDict):
    total: Number
    smoothed: Number
    change_per_day: Number
    change_span_seconds: int | None


class LikesTimeseries(TypedDict):
    video_id: str
    points: list[Point]
    next_cursor: str | None


class Lost(TypedDict):
    unliked: Number
    inauthentic: Number
    account: Number
    policy: Number
    correction: Number


ChangeSpan = TypedDict(
    "ChangeSpan",
    {
        "from": str,
        "to": str | None,
        "span_seconds": int | None,
        "change": Number,
        "gained": Number,
        "lost": Lost,
        "netted_in_gained": list[str],
    },
)


Sentence = TypedDict(
    "Sentence",
    {
        "code": Literal["grew", "gained", "lost", "fell", "fell_unexplained"],
        "text": str,
        "reason": str | None,
        "numbers": dict[str, list[int]],
        "from": str,
        "to": str,
    },
)


class LikesChanges(TypedDict):
    video_id: str
    since_start: ChangeSpan
    days: list[ChangeSpan]
    next_cursor: str | None
    explanation: list[Sentence]


class FavoritesTotal(TypedDict):
    video_id: str
    total: Number


class FavoritesCell(TypedDict):
    cell: str
    favorites: Number


class FavoritesBreakdown(TypedDict):
    video_id: str
    dimension: str
    total: Number
    cells: list[FavoritesCell]
    other: Number


class FavoritesTimeseries(TypedDict):
    video_id: str
    points: list[Point]
    next_cursor: str | None


class FavoritesChanges(TypedDict):
    video_id: str
    since_start: ChangeSpan
    days: list[ChangeSpan]
    next_cursor: str | None
    explanation: list[Sentence]


class FollowersTotal(TypedDict):
    creator_id: str
    total: Number


class FollowersCell(TypedDict):
    cell: str
    followers: Number


class FollowersBreakdown(TypedDict):
    creator_id: str
    dimension: str
    total: Number
    cells: list[FollowersCell]
    other: Number


class FollowersTimeseries(TypedDict):
    creator_id: str
    points: list[Point]
    next_cursor: str | None


class FollowersChanges(TypedDict):
    creator_id: str
    since_start: ChangeSpan
    days: list[ChangeSpan]
    next_cursor: str | None
    explanation: list[Sentence]


class Share(TypedDict):
    share_bps: Number
    removed: Number
    counted: Number
    covered: int
    released: int


class Shares(TypedDict):
    now: Share
    history: list[Share]


class Authenticity(TypedDict):
    creator_id: str
    followers: Shares
    likes: Shares
    videos: int
    videos_included: int


class AudienceCell(TypedDict):
    cell: str
    accounts: Number


class AudienceBreakdown(TypedDict):
    dimension: str
    cells: list[AudienceCell]
    other: Number | None


Audience = TypedDict(
    "Audience",
    {
        "period": str,
        "from": str,
        "to": str,
        "total": Number | None,
        "breakdowns": list[AudienceBreakdown],
    },
)


RunningPeriod = TypedDict(
    "RunningPeriod",
    {
        "period": str,
        "overdue": bool,
        "next_release_at": str,
        "from": str,
        "to": str,
    },
)


class CreatorAudience(TypedDict):
    creator_id: str
    audiences: list[Audience]
    running: list[RunningPeriod]
    next_cursor: str | None


class HashtagAudience(TypedDict):
    hashtag: str
    audiences: list[Audience]
    running: list[RunningPeriod]
    next_cursor: str | None


class SoundAudience(TypedDict):
    sound_id: str
    audiences: list[Audience]
    running: list[RunningPeriod]
    next_cursor: str | None


class PlatformAudience(TypedDict):
    audiences: list[Audience]
    running: list[RunningPeriod]
    next_cursor: str | None


class RankedCreator(TypedDict):
    creator_id: str
    rank: list[int]
    accounts: Number


CreatorsTrend = TypedDict(
    "CreatorsTrend",
    {
        "period": str,
        "from": str,
        "to": str,
        "dimension": str | None,
        "cell": str | None,
        "creators": list[RankedCreator],
        "ranked": int,
    },
)


class RankedHashtag(TypedDict):
    hashtag: str
    rank: list[int]
    accounts: Number


HashtagsTrend = TypedDict(
    "HashtagsTrend",
    {
        "period": str,
        "from": str,
        "to": str,
        "dimension": str | None,
        "cell": str | None,
        "hashtags": list[RankedHashtag],
        "ranked": int,
    },
)


class RankedSound(TypedDict):
    sound_id: str
    rank: list[int]
    accounts: Number


SoundsTrend = TypedDict(
    "SoundsTrend",
    {
        "period": str,
        "from": str,
        "to": str,
        "dimension": str | None,
        "cell": str | None,
        "sounds": list[RankedSound],
        "ranked": int,
    },
)


Query = TypedDict(
    "Query",
    {
        "creator_id": NotRequired[str],
        "hashtag": NotRequired[str],
        "sound_id": NotRequired[str],
        "posted_after": NotRequired[str],
        "posted_before": NotRequired[str],
        "subject": NotRequired[Literal["videos", "creators", "hashtags", "sounds", "platform"]],
        "ids": NotRequired[list[str]],
        "metrics": NotRequired[list[str]],
        "by": NotRequired[list[str]],
        "order_by": NotRequired[str],
        "limit": NotRequired[int],
        "cursor": NotRequired[str],
        "compare_to": NotRequired[Literal["equal_age", "previous_period"]],
        "from": NotRequired[str],
        "to": NotRequired[str],
    },
)


class Sum(TypedDict):
    value: int | None
    ci95: list[int] | None
    status: Literal["published", "withheld"]
    reason: Literal["below_threshold", "not_yet_released", "span_below_one_day", "not_modelled", "netted_below_zero"] | None
    epoch: int | None
    as_of: str | None
    next_release_at: str | None
    overdue: bool
    covered: int
    released: int


QueryRow = TypedDict(
    "QueryRow",
    {
        "video_id": NotRequired[str],
        "creator_id": NotRequired[str | None],
        "hashtag": NotRequired[str],
        "sound_id": NotRequired[str],
        "epoch": NotRequired[int],
        "from": NotRequired[str],
        "to": NotRequired[str],
        "period": NotRequired[str],
        "cell": NotRequired[str | None],
        "metrics": dict[str, Sum],
        "previous": NotRequired[dict[str, Sum]],
    },
)


class Answer(TypedDict):
    query: dict[str, Any]
    rows: list[QueryRow]
    targets: int
    gone: list[str]
    unknown: list[str]
    complete: bool
    next_cursor: str | None


class FeedRelease(TypedDict):
    cursor: str
    target_id: str
    kind: str
    epoch: int
    sha256: str
    release: dict[str, Any] | None
    gone: str | None


class Feed(TypedDict):
    releases: list[FeedRelease]
    next_cursor: str | None
    resume_cursor: str | None


class Access(TypedDict):
    credential: Literal["key", "share", "token"]
    scopes: list[str]
    creators: list[str] | None
    requests_per_minute: int
    expires_at: str


class Epsilon(TypedDict):
    accountant: str
    delta: float
    epsilon: float | None


class KindsTogether(TypedDict):
    target_type: str
    kinds: list[str]
    rho: float
    epsilon: list[Epsilon]
    max_accuracy: float


class Unit(TypedDict):
    neighbours: str
    engagement: str
    attacker_knows: str
    kinds_together: list[KindsTogether]


class Anonymity(TypedDict):
    k: int
    hard: bool
    measured: list[str]
    derived: list[str]
    in_words: str


class InForce(TypedDict):
    version: str
    daily_cap: int
    monthly_cap: int | None


class Contribution(TypedDict):
    flip_cap: int
    daily_cap: int
    monthly_cap: int | None
    in_force: InForce
    in_words: str


class MonthlyPromise(TypedDict):
    monthly_cap: int
    delta: float
    promised_epsilon: float
    rho: float
    epsilon: float


class History(TypedDict):
    flips: int
    in_words: str
    rho: float
    epsilon: list[Epsilon]


class AccountDay(TypedDict):
    engagements: int
    rho: float
    epsilon: list[Epsilon]


class Kept(TypedDict):
    rho: float
    epsilon: list[Epsilon]


class AccountMonth(TypedDict):
    engagements: int
    rho: float
    epsilon: list[Epsilon]
    if_kept: Kept


class Kind(TypedDict):
    rho: float
    audiences_rho: float
    epsilon: list[Epsilon]
    epsilon_by_accountant: dict[str, list[Epsilon]]
    histories: list[History]
    account_day: list[AccountDay]
    account_month: list[AccountMonth]
    mechanism: dict[str, Any]
    attacker: dict[str, Any]
    statistics: list[dict[str, Any]]


class AudienceStatistic(TypedDict):
    name: str
    rho: float
    sd: float
    threshold: int


class AudiencePeriod(TypedDict):
    scope: str
    every_seconds: int
    rho: float
    statistics: list[AudienceStatistic]
    dimensions: dict[str, list[str]]


class Audiences(TypedDict):
    counted: str
    rho: float
    hashtags_per_video: int
    joint_dimensions: dict[str, list[str]]
    periods: list[AudiencePeriod]


class Schedule(TypedDict):
    epochs: int
    due_ages_seconds: list[int]


class Release(TypedDict):
    public_delay_seconds: int


class Guarantee(TypedDict):
    version: str
    policy_sha256: str
    unit: Unit
    anonymity: Anonymity
    contribution: Contribution
    account_month: MonthlyPromise | None
    kinds: dict[str, Kind]
    audiences: Audiences | None
    schedule: Schedule
    creator_schedule: Schedule
    release: Release
    documents: dict[str, str]
    dimensions: dict[str, list[str]]


class Dimension(TypedDict):
    dimension: str
    cells: list[str]


class Threshold(TypedDict):
    statistic: str
    first_epoch: int
    last_epoch: int


class Dimensions(TypedDict):
    version: str
    time_zone: str
    hour_in_words: str
    k: int
    dimensions: list[Dimension]
    thresholds: dict[str, list[Threshold]]


class Entry(TypedDict):
    shard: int
    sequence: int
    previous: str
    target_id: str
    kind: str
    epoch: int
    as_of_ms: int
    policy_version: str
    policy_digest: str
    rho: str
    release_sha256: str


class LedgerLine(TypedDict):
    sha256: str
    entry: Entry


class Ledger(TypedDict):
    entries: list[LedgerLine]
    next_cursor: str | None
    resume_cursor: str | None


class Proof(TypedDict):
    shard: int
    sequence: int | None
    from_size: int | None
    from_root: str | None
    tree_size: int
    root: str
    path: list[str]


class Tree(TypedDict):
    shard: int
    size: int
    root: str


class Head(TypedDict):
    sequence: int
    at_ms: int
    previous: str
    keys: list[str]
    trees: list[Tree]


class SignedHead(TypedDict):
    jws: str
    head: Head


class Heads(TypedDict):
    heads: list[SignedHead]


class Jwk(TypedDict):
    kty: str
    crv: str
    x: str
    kid: str
    alg: str
    use: str


class Jwks(TypedDict):
    keys: list[Jwk]


class EventProfile(TypedDict):
    age_band: NotRequired[str | None]
    gender: NotRequired[str | None]
    region: NotRequired[str | None]
    language: NotRequired[str | None]
    device: NotRequired[str | None]


class Event(TypedDict):
    type: Literal["like", "unlike", "favorite", "unfavorite", "follow", "unfollow"]
    account_id: str
    video_id: NotRequired[str | None]
    creator_id: NotRequired[str | None]
    occurred_at: str
    profile: NotRequired[EventProfile | None]
    visibility: NotRequired[str | None]
    account_created_at: NotRequired[str | None]
    network: NotRequired[str | None]


class VerdictCounts(TypedDict):
    counted: int
    uncounted: int
    duplicate: int
    late: int
    over_cap: int
    dropped_child: int
    account_closed: int
    unknown_target: int
    invalid: int


class ItemProblem(TypedDict):
    field: str
    message: str
    expected: str


class EventsReportItem(TypedDict):
    index: int
    verdict: Literal["counted", "uncounted", "duplicate", "late", "over_cap", "dropped_child", "account_closed", "unknown_target", "invalid"]
    problem: NotRequired[ItemProblem]


class TakenAs(TypedDict):
    field: str
    taken_as: str
    items: int


class EventsReport(TypedDict):
    received: int
    verdicts: VerdictCounts
    not_counted: list[EventsReportItem]
    taken_as: NotRequired[list[TakenAs]]


class VideoMetadata(TypedDict):
    posted_at: str
    creator_id: NotRequired[str | None]
    title: NotRequired[str | None]
    hashtags: NotRequired[list[str | None] | None]
    sound_id: NotRequired[str | None]
    duration_seconds: NotRequired[int | None]


class VideoRegistration(TypedDict):
    video_id: str
    verdict: Literal["created", "updated", "unchanged"]
    taken_as: NotRequired[list[TakenAs]]


class VideoToRegister(TypedDict):
    posted_at: str
    creator_id: NotRequired[str | None]
    title: NotRequired[str | None]
    hashtags: NotRequired[list[str | None] | None]
    sound_id: NotRequired[str | None]
    duration_seconds: NotRequired[int | None]
    video_id: str


class RegistrationCounts(TypedDict):
    created: int
    updated: int
    unchanged: int
    conflict: int
    invalid: int


class VideosReportItem(TypedDict):
    index: int
    verdict: Literal["created", "updated", "unchanged", "conflict", "invalid"]
    problem: NotRequired[ItemProblem]


class VideosReport(TypedDict):
    received: int
    verdicts: RegistrationCounts
    not_registered: list[VideosReportItem]
    taken_as: NotRequired[list[TakenAs]]


class CreatorMetadata(TypedDict):
    counted_from: str
    name: NotRequired[str | None]


class CreatorRegistration(TypedDict):
    creator_id: str
    verdict: Literal["created", "updated", "unchanged"]
    taken_as: NotRequired[list[TakenAs]]


class CreatorToRegister(TypedDict):
    counted_from: str
    name: NotRequired[str | None]
    creator_id: str


class CreatorsReportItem(TypedDict):
    index: int
    verdict: Literal["created", "updated", "unchanged", "conflict", "invalid"]
    problem: NotRequired[ItemProblem]


class CreatorsReport(TypedDict):
    received: int
    verdicts: RegistrationCounts
    not_registered: list[CreatorsReportItem]
    taken_as: NotRequired[list[TakenAs]]


class ModerationAction(TypedDict):
    note: str
    account_id: str
    action: Literal["restrict", "ban", "reinstate", "delete"]
    until: NotRequired[str]


class Recount(TypedDict):
    result: Literal["applied", "unchanged"]
    known: bool
    counted: int
    uncounted: int


class PurgeLine(TypedDict):
    account_id: NotRequired[str]
    handle: NotRequired[str]


class JobCounts(TypedDict):
    moved: int
    unmoved: int
    erased: int
    not_known: int
    uncounted: int
    counted: int
    over_cap: int


class Job(TypedDict):
    job: int
    kind: Literal["purge", "reinstatement"]
    state: Literal["queued", "running", "done", "failed"]
    owner: str
    note: str
    created_at: str
    finished_at: str | None
    accounts: int
    done: int
    counts: JobCounts
    failure: str | None


class Takedown(TypedDict):
    video_id: NotRequired[str]
    creator_id: NotRequired[str]
    note: str
    action: Literal["take_down", "restore"]
    reason: NotRequired[Literal["policy", "law", "copyright", "safety", "owner"]]


class Result(TypedDict):
    result: Literal["applied", "unchanged"]


class Engagement(TypedDict):
    video_id: NotRequired[str]
    creator_id: NotRequired[str]
    account_id: str
    kind: Literal["like", "favorite", "follow"]


class EngagementsAction(TypedDict):
    note: str
    action: Literal["remove", "restore"]
    reason: NotRequired[Literal["policy", "inauthentic"]]
    engagements: list[Engagement]


class EngagementsResult(TypedDict):
    results: list[Literal["changed", "unchanged", "unknown", "unknown_target"]]


class ListedEngagement(TypedDict):
    video_id: NotRequired[str]
    creator_id: NotRequired[str]
    occurred_at: NotRequired[str]


class Resync(TypedDict):
    note: str
    account_id: str
    kind: Literal["like", "favorite", "follow"]
    as_of: str
    profile: NotRequired[EventProfile | None]
    visibility: NotRequired[str | None]
    engagements: list[ListedEngagement]


class ResyncResult(TypedDict):
    added: int
    uncounted: int
    removed: int
    unchanged: int
    newer: int
    over_cap: int
    account_closed: int
    unknown_target: int
    past_last_release: int
    taken_as: NotRequired[list[TakenAs]]


class Advisory(TypedDict):
    signal: Literal["bursts", "network", "sequence"]
    seen_at: str
    weight: int
    handles: list[str]


class AdvisoryPage(TypedDict):
    advisories: list[Advisory]
    next_cursor: str | None


class AuditEntry(TypedDict):
    at: str
    stage: Literal["requested", "done", "refused"]
    action: str
    owner: str
    key_id: str
    note: str
    account_tag: str | None
    details: dict[str, Any]


class AuditEntryPage(TypedDict):
    entries: list[AuditEntry]
    next_cursor: str | None


class JobPage(TypedDict):
    jobs: list[Job]
    next_cursor: str | None


class AccountAction(TypedDict):
    note: str
    account_id: str


class ErasureResult(TypedDict):
    erased_at: str
    engagements: int
    counted: int
    backups_gone_by: str
    receipt_id: str
    closed_until: str


class Receipt(TypedDict):
    erased_at: str
    engagements: int
    counted: int
    backups_gone_by: str


class Objection(TypedDict):
    note: str
    account_id: str
    objects: bool


class ChoiceResult(TypedDict):
    result: Literal["applied", "unchanged"]
    known: bool
    counted: int
    uncounted: int
    status_before: Literal["good", "restricted", "banned", "deleted", "inauthentic", "objected"]


class OptOut(TypedDict):
    note: str
    account_id: str
    hidden: bool


class RectificationResult(TypedDict):
    stored: bool
    effect: str


class Status(TypedDict):
    status: Literal["ok"]
