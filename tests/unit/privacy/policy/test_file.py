"""A policy file that breaks a rule stops the program, with a message that names field, value and rule."""

import hashlib
import re
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Final

import pytest

from privacy.errors import PolicyError
from privacy.model.engagement import Kind
from privacy.policy.budget import Accounting, CalibrationMethod
from privacy.policy.file import DEFAULT_POLICY_PATH, load_policy, parse_policy
from tests.support.first_policy import FIRST_POLICY, FIRST_POLICY_PATH

TEXT: Final = FIRST_POLICY_PATH.read_text()
"""The first policy, which has a value of each sort; what it has not is tested with the packaged one."""
PACKAGED: Final = DEFAULT_POLICY_PATH.read_text()

NOT_A_NUMBER: Final = ["nan", "inf", "-inf", "1e400", "1e-400"]
"""For every field that is an exact number."""

WRONG_NUMBERS: Final = [
    (
        "gate_delta = 1e-12",
        "mechanism.gate_delta",
        "above 0 and at most 1e-6",
        ["0", "0.0", "-1e-9", "1e-5", "1"],
    ),
    ("rho = 0.1", "budgets.like.rho", "must be equal", ["0", "-0.1", "0.2", "0.099999999999999999"]),
    ("total = 0.03", "budgets.like.total", "a rho above 0", ["0", "-0.03"]),
    ("removals = 0.01", "budgets.like.removals", "a rho above 0", ["0", "-0.01"]),
    ("reserve = 0.012", "budgets.like.reserve", "a rho of 0 or more", ["-0.012"]),
    ("gender = 0.008", "budgets.like.breakdowns.gender", "a rho above 0", ["0", "-0.008"]),
]
WRONG_INTEGERS: Final = [
    ("k = 20", "anonymity.k", "from 2 to 1000000", ["1", "0", "-20", "1000001"]),
    ("flip_cap = 4", "contribution.flip_cap", "from 2 to 14", ["0", "-4", "16"]),
    ("daily_cap = 100", "contribution.daily_cap", "from 1 to 65535", ["0", "-1", "65536"]),
    ("every_seconds = 3600 ", "schedule.every_seconds", "from 1 to", ["0", "-3600", "99999999999"]),
    ("until_seconds = 86400 ", "schedule.until_seconds", "from 1 to", ["0", "-86400", "99999999999"]),
    (
        "public_delay_seconds = 120",
        "release.public_delay_seconds",
        "from 2 to 86400",
        ["0", "-120", "1", "86401"],
    ),
    ("public_delay_seconds = 3 ", "sandbox.public_delay_seconds", "from 2 to 86400", ["0", "1", "86401"]),
    ("future_tolerance_seconds = 300", "intake.future_tolerance_seconds", "from 0 to 86400", ["-1", "86401"]),
    (
        "late_registration_seconds = 86400",
        "intake.late_registration_seconds",
        "from 0 to 3162240000",
        ["-1", "3162240001"],
    ),
    ("burst_likes = 30", "integrity.burst_likes", "from 2 to 65535", ["1", "0", "65536"]),
    ("burst_seconds = 10", "integrity.burst_seconds", "from 0 to 31622400", ["-1", "31622401"]),
    (
        "least_account_age_seconds = 600",
        "integrity.least_account_age_seconds",
        "from 0 to 31622400",
        ["-1", "31622401"],
    ),
    ("network_accounts = 20", "integrity.network_accounts", "from 2 to 65535", ["1"]),
    ("sequence_targets = 5", "integrity.sequence_targets", "from 3 to 65535", ["2"]),
    ("sequence_accounts = 10", "integrity.sequence_accounts", "from 2 to 65535", ["1"]),
    ("job_seconds = 2592000", "retention.job_seconds", "from 1 to", ["0", "9999999999"]),
    ("idle_account_seconds = 95040000", "retention.idle_account_seconds", "at least the longest", ["1"]),
    ("idempotency_seconds = 86400", "retention.idempotency_seconds", "from 1 to 2592000", ["0", "2592001"]),
]


def with_text(old: str, new: str) -> bytes:
    """The first policy, or the packaged one, with one part replaced; of alike budgets, the first one's."""
    text = TEXT if old in TEXT else PACKAGED
    assert text.count(old) in (1, 3)
    return text.replace(old, new, 1).encode()


def refusal(raw: bytes) -> str:
    """Return the message about a policy that must not load."""
    with pytest.raises(PolicyError) as raised:
        parse_policy(raw)
    return str(raised.value)


def assign(line: str, value: str) -> tuple[bytes, str]:
    """The default policy with another value in one line, and that value as a message shows it."""
    name = line.partition(" =")[0]
    return with_text(line, f"{name} = {value} "), value


@pytest.mark.parametrize(
    ("line", "field", "rule", "value"),
    [(line, field, rule, value) for line, field, rule, values in WRONG_NUMBERS for value in values],
)
def test_a_number_out_of_range_is_refused(line: str, field: str, rule: str, value: str) -> None:
    """An exact number that is zero, negative or too large is named with its field and the rule."""
    message = refusal(assign(line, value)[0])
    assert message.startswith(f"{field}: is {float(value)}")
    assert rule in message


@pytest.mark.parametrize("value", NOT_A_NUMBER)
@pytest.mark.parametrize(("line", "field"), [(line, field) for line, field, *_ in WRONG_NUMBERS])
def test_a_value_that_is_not_finite_is_refused(line: str, field: str, value: str) -> None:
    """NaN, infinity, and numbers that a double turns into them, are refused for every number."""
    message = refusal(assign(line, value)[0])
    assert message.startswith(f"{field}: is ")
    assert "a finite number" in message


@pytest.mark.parametrize(
    ("line", "field", "rule", "value"),
    [(line, field, rule, value) for line, field, rule, values in WRONG_INTEGERS for value in values],
)
def test_an_integer_out_of_range_is_refused(line: str, field: str, rule: str, value: str) -> None:
    """A whole number out of range is named with its field and its range."""
    message = refusal(assign(line, value)[0])
    assert message.startswith(f"{field}: is {value};")
    assert rule in message


@pytest.mark.parametrize("value", ["2.0", '"2"', "true", "nan", "[2]", "2026-01-01"])
@pytest.mark.parametrize(("line", "field"), [(line, field) for line, field, *_ in WRONG_INTEGERS])
def test_a_value_that_is_not_an_integer_is_refused(line: str, field: str, value: str) -> None:
    """Nothing is coerced into a whole number."""
    message = refusal(assign(line, value)[0])
    shown = "NaN" if value == "nan" else value.replace('"', "'")
    assert message.endswith(f"{field.partition('.')[2]}: is {shown}; a whole number")


@pytest.mark.parametrize("value", ["3", "5", "13"])
def test_an_odd_flip_cap_is_refused(value: str) -> None:
    """With an odd w a frozen engagement would stay counted."""
    message = refusal(assign("flip_cap = 4", value)[0])
    assert message.startswith(f"contribution.flip_cap: is {value}; even")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            '"male", "other"]',
            '"male", "male"]',
            "dimensions.gender: ['female', 'male', 'male'] repeats a value",
        ),
        ('"male", "other"]', '"undisclosed"]', "dimensions.gender: names 'undisclosed' itself"),
        ('["female", "male", "other"]', "[]", "dimensions.gender: is empty"),
        ('["female", "male", "other"]', '"female"', "dimensions.gender: is 'female'; a list"),
        ('["female", "male", "other"]', '["female", 1]', "dimensions.gender[1]: is 1; a text in quotes"),
        ("rho = 0.1", 'rho = "x"', "budgets.like.rho: is 'x'; a number"),
        ("rho = 0.1", "rho = true", "budgets.like.rho: is true; a number"),
        ("rho = 0.1", "roh = 0.1", "budgets.like.roh: is no field of a policy"),
        ("[children]", "[budgets.x]\nrho = 0.1\n[children]", "budgets.x.total: is missing"),
        ('"00", "01"', '"01", "00"', "dimensions.hour_of_day: is ['01', '00'"),
        (', "23",\n', ",\n", "dimensions.hour_of_day: is ['00'"),
        (
            "gender = 0.008",
            "gander = 0.008",
            "budgets.like.breakdowns: lack gender and have gander; one for each declared dimension",
        ),
        ("gender = 0.008\n", "", "budgets.like.rho: is 0.1, its parts add up to 0.092"),
        ("until_seconds = 259200 ", "until_seconds = 86400 ", "schedule.until_seconds: are [86400, 86400,"),
        ("until_seconds = 259200 ", "until_seconds = 3600 ", "schedule.until_seconds: are [86400, 3600,"),
        ("every_seconds = 3600 ", "every_seconds = 60 ", "schedule: makes 1503 epochs; at most 1000"),
        (
            "2016-09-01T00:00:00Z",
            "2016-09-01T00:00:00",
            "intake.earliest_occurred_at: is '2016-09-01T00:00:00'",
        ),
        ("2016-09-01T00:00:00Z", "2016-02-30T00:00:00Z", "intake.earliest_occurred_at: is '2016-02-30T"),
        (
            '"2016-09-01T00:00:00Z"',
            "2016-09-01T00:00:00Z",
            "earliest_occurred_at: is 2016-09-01 00:00:00+00:00; a text",
        ),
        ('["under-13"]', '"under-13"', "children.dropped_age_bands: is 'under-13'; a list"),
        ('"2026-11-default"', '""', "version: is ''; up to 64 of a-z"),
        ('"2026-11-default"', '"Default"', "version: is 'Default'"),
        ('"2026-11-default"', f'"{"a" * 65}"', f"version: is '{'a' * 65}'"),
        ('"2026-11-default"', "2026", "version: is 2026; a text in quotes"),
        ("k = 20", "k = 20\nsecret = 1", "anonymity.secret: is no field of a policy"),
        ("burst_likes = 30", "burst_likes = 30\nsecret = 1", "integrity.secret: is no field of a policy"),
        ("job_seconds =", "secret = 1\njob_seconds =", "retention.secret: is no field of a policy"),
        (
            "every_seconds = 3600 ",
            "secret = 1\nevery_seconds = 3600 ",
            "schedule[0].secret: is no field of a policy",
        ),
        ("[anonymity]", "[anonimity]", "anonimity: is no field of a policy"),
        ("[anonymity]", "[anonymity", "policy file: Expected ']'"),
        ('version = "2026-11-default"\n', "", "version: is missing; a policy has every field"),
    ],
)
def test_an_invalid_value_is_refused(old: str, new: str, message: str) -> None:
    """Domains, sums, times, names and shapes that break a rule are refused with their names and values."""
    assert message in refusal(with_text(old, new))


@pytest.mark.parametrize(
    "table",
    ["anonymity", "contribution", "mechanism", "budgets.like.breakdowns", "dimensions", "children", "intake"],
)
def test_a_missing_table_is_refused(table: str) -> None:
    """Nothing is left to a default: every table must be there."""
    start = TEXT.index(f"[{table}]\n")
    end = TEXT.index("\n[", start)
    message = refusal((TEXT[:start] + TEXT[end:]).encode())
    assert message.startswith(f"{table}: is missing; ")


def test_an_unknown_kind_is_refused() -> None:
    """Only kinds that Likewise counts have budgets."""
    message = refusal(TEXT.replace("[budgets.like", "[budgets.share").encode())
    assert message == "budgets.share: is not a kind of engagement; one of like, favorite, follow"


def test_a_policy_without_budgets_is_refused() -> None:
    """A policy under which nothing is counted is a mistake."""
    start, end = TEXT.index("[budgets.like]"), TEXT.index("# The ends of a video's epochs")
    assert refusal((TEXT[:start] + "[budgets]\n" + TEXT[end:]).encode()).startswith("budgets: are none")


def test_too_many_joint_cells_are_refused() -> None:
    """A domain whose joint cells do not fit their code is refused before anything is stored."""
    values = ", ".join(f'"{number}"' for number in range(700))
    message = refusal(with_text('["female", "male", "other"]', f"[{values}]"))
    assert message == "dimensions: make 309842000 joint cells; at most 2**28 fit a code"


@pytest.mark.parametrize("raw", [b"\xff", b"version = ", b"\x00", b"version = 1\nversion = 2"])
def test_invalid_toml_is_refused(raw: bytes) -> None:
    """Broken encoding and broken TOML are policy errors too."""
    assert refusal(raw).startswith("policy file: ")


def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    """The message names the file and what the system says."""
    with pytest.raises(PolicyError, match=r"nowhere\.toml: cannot be read \(No such file or directory\)"):
        load_policy(tmp_path / "nowhere.toml")
    with pytest.raises(PolicyError, match="cannot be read"):
        load_policy(tmp_path)


def test_the_default_policy_is_the_documented_one() -> None:
    """The guarantee that ships: k 20, w 4, M 100, 87 epochs, rho 0.1092 in exact parts, and audiences."""
    policy = load_policy()
    budget = policy.budgets[Kind.LIKE]
    assert (policy.k, policy.flip_cap, policy.daily_cap, policy.schedule.epochs) == (20, 4, 100, 87)
    assert (policy.accounting, policy.calibration) == (Accounting.GAUSSIAN, CalibrationMethod.JOINT)
    assert policy.gate_delta == Fraction(1, 10**10)
    assert (budget.rho, budget.total) == (Fraction(1092, 10_000), Fraction(416, 10_000))
    assert budget.reserve == 0
    assert budget.removals is None
    assert set(budget.breakdowns.values()) == {Fraction(764, 100_000)}
    assert budget.audiences == Fraction(2102, 100_000)
    names = [dimension.name for dimension in policy.domain.dimensions]
    assert names == ["age_band", "gender", "region", "language", "device", "hour_of_day"]
    assert [dimension.name for dimension in policy.series_dimensions] == names[:-1]
    assert policy.digest == hashlib.sha256(DEFAULT_POLICY_PATH.read_bytes()).hexdigest()


def test_the_first_policy_is_read_as_it_was() -> None:
    """What no table says means what it meant before there were such tables."""
    policy = FIRST_POLICY
    budget = policy.budgets[Kind.LIKE]
    assert (policy.accounting, policy.calibration) == (Accounting.ZCDP, CalibrationMethod.SEPARATE)
    assert (policy.audiences, policy.monthly_cap, policy.account_month) == (None, None, None)
    assert (budget.rho, budget.removals) == (Fraction(1, 10), Fraction(1, 100))
    assert budget.audiences == 0
    assert budget.spent == "0.088"
    assert policy.series_dimensions == policy.domain.dimensions
    assert len(budget.breakdowns) == 6
    assert policy.digest == ("21e4921b1689007d491bb83cfed42905bd8e47c835086896223ff43bdf15a475")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            'accounting = "gaussian"',
            'accounting = "gauss"',
            "mechanism.accounting: is 'gauss'; one of zcdp, gaussian",
        ),
        (
            'calibration = "joint"',
            'calibration = "apart"',
            "mechanism.calibration: is 'apart'; one of separate, joint",
        ),
        ('calibration = "joint"', 'calibration = "separate"', "budgets.like.removals: is left out if"),
        (
            "total = 0.0416",
            "total = 0.0416\nremovals = 0.01",
            "budgets.like.rho: is 0.1092, its parts add up",
        ),
        ("rho = 0.1092", "rho = 0.1", "budgets.like.rho: is 0.1, its parts without the removals add up to"),
        ("hashtags_per_video = 3", "hashtags_per_video = 0", "audiences.hashtags_per_video: is 0; a whole"),
        ("hashtags_per_video = 3", "hashtags_per_video = 31", "audiences.hashtags_per_video: is 31; a whole"),
        ("total = 0.0028", "total = 0", "audiences.creator.total: is 0.0; a rho above 0"),
        ("total = 0.0028", "total = nan", "audiences.creator.total: is NaN; a finite number"),
        ("total = 0.0028\n", "", "audiences.creator: measures nothing; a total or a breakdown"),
        ("age_gender = 0.0007", "age_gender = -1", "audiences.creator.breakdowns.age_gender: is -1.0; a rho"),
        ("age_gender = 0.0007", "age_sex = 0.0007", "audiences.creator.breakdowns: are for ['age_sex']"),
        (
            'scope = "sound"',
            'scope = "song"',
            "audiences.periods[3].scope: is 'song'; one of creator, hashtag",
        ),
        ("every_seconds = 604800    # weeks", "every_seconds = 0", "audiences.creator.every_seconds: is 0;"),
        (
            "every_seconds = 86400     # days",
            "every_seconds = 59",
            "audiences.hashtag.every_seconds: is 59; a whole number of seconds from 60 to",
        ),
        (
            "every_seconds = 86400     # days",
            "every_seconds = 86401",
            "audiences.every_seconds: have 1 as their greatest common divisor; at least 60",
        ),
        (
            "compress_schedule_by = 1200",
            "compress_schedule_by = 1800",
            "sandbox.compress_schedule_by: is 1800; at most 1440, so that 86400 seconds",
        ),
        (
            "every_seconds = 604800    # weeks",
            "every_seconds = 2419200",
            "audiences.creator: has two periods of 2419200 seconds",
        ),
        (
            "every_seconds = 604800    # weeks",
            "every_seconds = 605400",
            "sandbox.compress_schedule_by: is 1200; a divisor of every audience's period, such as of 605400",
        ),
        ('["age_band", "gender"]', '["age_band"]', "audiences.joint_dimensions.age_gender: is ['age_band']"),
        (
            '["age_band", "gender"]',
            '["gender", "gender"]',
            "joint_dimensions.age_gender: is ['gender', 'gender'",
        ),
        (
            '["age_band", "gender"]',
            '["gender", "shoe"]',
            "joint_dimensions.age_gender: has the parts ['shoe']",
        ),
        ("daily_cap = 100", "monthly_cap = 0\ndaily_cap = 100", "contribution.monthly_cap: is 0; a whole"),
        ("[children]", "[account_month]\nepsilon = 10\ndelta = 1e-6\n[children]", "account_month: needs"),
        (
            "daily_cap = 100",
            "monthly_cap = 9\ndaily_cap = 100\n[account_month]\nepsilon = 0\ndelta = 1e-6\n#",
            "account_month.epsilon: is 0.0; above 0",
        ),
        (
            "daily_cap = 100",
            "monthly_cap = 9\ndaily_cap = 100\n[account_month]\nepsilon = 1\ndelta = 1e-5\n#",
            "account_month.delta: is 1e-05; above 0 and at most 1e-6",
        ),
    ],
)
def test_an_invalid_value_of_a_newer_table_is_refused(old: str, new: str, message: str) -> None:
    """Calibration, accounting, audiences and monthly caps are named with field, value and rule."""
    assert message in refusal(PACKAGED.replace(old, new, 1).encode())


def test_joint_dimensions_have_names_of_their_own() -> None:
    """Two numbers of one name would meet in one document."""
    text = PACKAGED.replace("age_gender = [", "gender = [").replace("age_gender = 0.0007\n", "")
    message = (
        "audiences.joint_dimensions.gender: is the name of a declared dimension; another name than age_band,"
    )
    assert message in refusal(text.encode())
    text = PACKAGED.replace("age_gender", '"Age"')
    assert "audiences.joint_dimensions.Age: is no name" in refusal(text.encode())


def test_joint_cells_have_names_of_their_own() -> None:
    """A separator in a value must not make two cells look alike."""
    text = PACKAGED.replace('["female", "male", "other"]', '["a/b", "c", "other"]')
    text = text.replace('["13-17", ', '["x", "x/a", "b", ').replace('"x/a", "b"', '"x/a"')
    text = text.replace('"c", "other"]', '"b", "other"]')
    assert "age_gender: has two cells of one name" in refusal(text.encode())


def test_audiences_are_part_of_the_budget() -> None:
    """What they cost is not there for a video's numbers; without them a dimension needs a breakdown."""
    more = PACKAGED.replace("total = 0.0028", "total = 0.0128")
    assert "its parts without the removals add up to 0.11082" in refusal(more.encode())
    start, end = PACKAGED.index("[audiences]"), PACKAGED.index("# The ends of a video's epochs")
    without = PACKAGED[:start] + PACKAGED[end:]
    assert "budgets.like.breakdowns: lack hour_of_day; one for each" in refusal(without.encode())


def test_the_sandbox_differs_in_its_times_alone() -> None:
    """Same noise, gate, caps and budgets: what is proved of the sandbox is proved of the policy."""
    policy = load_policy()
    assert policy.sandbox is not None
    assert policy.sandbox.schedule.due_ages_seconds == tuple(
        age // 1200 for age in policy.schedule.due_ages_seconds
    )
    assert policy.sandbox.creator_schedule.epochs == policy.creator_schedule.epochs
    assert policy == replace(
        policy.sandbox,
        version=policy.version,
        schedule=policy.schedule,
        creator_schedule=policy.creator_schedule,
        public_delay_seconds=policy.public_delay_seconds,
        audiences=policy.audiences,
        sandbox_terms=policy.sandbox_terms,
    )
    assert policy.audiences is not None
    assert policy.sandbox.audiences == policy.audiences.compress(1200)
    assert policy.sandbox.audiences.rho == policy.audiences.rho


@pytest.mark.parametrize("by", ["0", "-1", "7", "7200"])
def test_a_sandbox_whose_epochs_are_no_whole_seconds_is_refused(by: str) -> None:
    """Another number of epochs would mean other noise."""
    message = refusal(with_text("compress_schedule_by = 1200", f"compress_schedule_by = {by}"))
    assert message.startswith(f"sandbox.compress_schedule_by: is {by}; a divisor of every phase's seconds")


def test_a_policy_may_declare_dimensions_of_its_own() -> None:
    """Events say then what nobody thought of before."""
    policy = parse_policy(TEXT.replace("gender", "shoe_size").encode())
    assert [dimension.name for dimension in policy.domain.dimensions][:2] == ["age_band", "shoe_size"]


@pytest.mark.parametrize("name", ["Shoe", "shoe-size", "9", "x" * 65, "_x", '""'])
def test_a_dimension_has_a_plain_name(name: str) -> None:
    """It is a part of paths, and a member of events and releases."""
    message = refusal(TEXT.replace("gender", name).encode())
    assert "is no name; up to 64 of a-z, 0-9 and _, a letter first" in message


@pytest.mark.parametrize("name", ["total", "change", "removals", "other"])
def test_a_dimension_is_not_called_like_another_number(name: str) -> None:
    """Reports and guarantees name statistics."""
    text = re.sub("(?m)^gender =", f"{name} =", TEXT)
    assert refusal(text.encode()).startswith(f"dimensions.{name}: is reserved; a name that is not one of")


def test_more_streams_than_a_release_can_measure_are_refused() -> None:
    """A policy whose releases would take gigabytes is refused before it is registered."""
    values = ", ".join(f'"{number}"' for number in range(5_000))
    text = TEXT.replace('["female", "male", "other"]', f"[{values}]")
    start = text.index("\nregion = [")
    text = f'{text[:start]}\nregion = ["DE"]{text[text.index("]", start) + 1 :]}'
    assert refusal(text.encode()).startswith("dimensions: make 5")


@pytest.mark.parametrize("value", ["", "a\\tb", "x" * 65, "\\u200b"])
def test_a_value_is_short_and_visible(value: str) -> None:
    """Each release repeats it, and people read it."""
    raw = with_text('["female", "male", "other"]', f'["female", "{value}"]')
    assert "1 to 64 visible characters" in refusal(raw)


def test_a_version_may_not_be_called_current() -> None:
    """Readers ask for the policy in force by that name."""
    raw = with_text('version = "2026-11-default"', 'version = "current"')
    assert refusal(raw).startswith("version: is 'current', which readers use")


def test_a_version_may_not_look_like_a_sandbox() -> None:
    """Two policies would meet under one version."""
    message = refusal(with_text('version = "2026-11-default"', 'version = "2026-11.sandbox"'))
    assert message == "version: is '2026-11.sandbox'; .sandbox is reserved for the sandbox"


def test_a_policy_may_have_no_sandbox() -> None:
    """The table is the one that may be left out."""
    assert parse_policy(TEXT[: TEXT.index("[sandbox]")].encode()).sandbox is None
