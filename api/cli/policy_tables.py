"""Formats the guarantee as tables for a terminal."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from itertools import groupby
from typing import Any, Final

from rich.console import RenderableType
from rich.table import Table

from privacy.model.documents import GuaranteeDocument
from privacy.policy.budget import CalibrationMethod

_JOINT_NOTE: Final = (
    "under joint calibration, no history costs all of these rho, so they add up to more than that of the "
    "worst one"
)


def policy_tables(guarantee: GuaranteeDocument) -> Iterator[RenderableType]:
    """Yields tables of everything a policy declares and of the guarantee that follows from it."""
    yield _tabulate_policy(guarantee)
    for kind, details in guarantee["kinds"].items():
        yield _tabulate_histories(kind, details)
        yield _tabulate_costs(f"{kind}s of one account on one day", details["account_day"], details)
        yield _tabulate_costs(f"{kind}s of one account in one month", details["account_month"], details)
        yield _tabulate_statistics(kind, details)
        schedule = guarantee["creator_schedule" if details["target_type"] == "creator" else "schedule"]
        yield _tabulate_epochs(kind, details["statistics"], schedule["due_ages_seconds"])
    if guarantee["audiences"]:
        yield _tabulate_audiences(guarantee["audiences"])


def _tabulate_policy(guarantee: GuaranteeDocument) -> Table:
    table = Table("declared", "", title=f"Policy {guarantee['version']}", title_justify="left")
    contribution, unit, anonymity = guarantee["contribution"], guarantee["unit"], guarantee["anonymity"]
    rows = {
        "SHA-256 of the file": guarantee["policy_sha256"],
        "unit": f"{unit['neighbours']}: {unit['engagement']}",
        "attacker knows": unit["attacker_knows"],
        **{_name_kinds(together): _format_cost(together) for together in unit["kinds_together"]},
        "k": f"{anonymity['k']}. {anonymity['in_words']}",
        "derived numbers": ", ".join(anonymity["derived"]),
        "flip cap w": str(contribution["flip_cap"]),
        "daily cap M": str(contribution["daily_cap"]),
        "an account's month": _format_month(guarantee["account_month"]),
        "schedule of videos": _format_phases(guarantee["schedule"]),
        "schedule of creators": _format_phases(guarantee["creator_schedule"]),
        "releases are visible": f"{guarantee['release']['public_delay_seconds']} seconds after their epoch",
        "dropped age bands": ", ".join(guarantee["children"]["dropped_age_bands"]) or "nothing",
        "earliest event": guarantee["intake"]["earliest_occurred_at"],
        "a late video counts from": _format_late(guarantee["intake"]),
        "integrity": _format_values(guarantee["integrity"]),
        "retention": _format_values(guarantee["retention"]),
        **{f"cells of {name}": ", ".join(cells) for name, cells in guarantee["dimensions"].items()},
    }
    for name, value in rows.items():
        table.add_row(name, value)
    return table


def _name_kinds(together: Mapping[str, Any]) -> str:
    return f"{' and '.join(together['kinds'])} of one {together['target_type']} by one account"


def _format_late(intake: Mapping[str, Any]) -> str:
    seconds = intake.get("late_registration_seconds")
    if seconds is None:
        return "its posting"
    return f"its registration, if that is more than {seconds} seconds after its posting"


def _format_cost(together: Mapping[str, Any]) -> str:
    epsilons = (
        f"epsilon {_format_epsilon(pair['epsilon'])} at delta {pair['delta']:g}"
        for pair in together["epsilon"]
    )
    return f"rho {together['rho']:g}; {'; '.join(epsilons)}"


def _format_phases(schedule: Mapping[str, Any]) -> str:
    phases = (
        f"every {_format_duration(phase['every_seconds'])} to {_format_duration(phase['until_seconds'])}"
        for phase in schedule["phases"]
    )
    return f"{schedule['epochs']} epochs: {'; '.join(phases)}"


def _format_values(declared: Mapping[str, int]) -> str:
    return "; ".join(f"{name} {value}" for name, value in declared.items())


def _format_month(promise: Mapping[str, Any] | None) -> str:
    if promise is None:
        return "nothing is promised"
    return (
        f"{promise['monthly_cap']} engagements cost epsilon {_format_epsilon(promise['epsilon'])} at delta "
        f"{promise['delta']:g}, {promise['promised_epsilon']:g} at most"
    )


def _tabulate_histories(kind: str, details: Mapping[str, Any]) -> Table:
    table = Table(
        f"one {kind}",
        "rho",
        *_name_epsilons(details),
        title=f"Privacy cost of a {kind} by history",
        title_justify="left",
    )
    for row in details["histories"]:
        table.add_row(row["in_words"], f"{row['rho']:.4g}", *_format_epsilons(row))
    return table


def _tabulate_costs(what: str, rows: Sequence[Mapping[str, Any]], details: Mapping[str, Any]) -> Table:
    """Returns the cost by number of engagements; of those that are kept, too, where it is there."""
    kept = "if_kept" in rows[0]
    table = Table(
        what,
        "rho",
        *_name_epsilons(details),
        *(f"if kept: {name}" for name in ("rho", *_name_epsilons(details)) if kept),
        title=f"Privacy cost of {what} ({details['reserve_rho']:g} of rho is in reserve)",
        title_justify="left",
    )
    for row in rows:
        costs = [row, row["if_kept"]] if kept else [row]
        cells = (cell for cost in costs for cell in (f"{cost['rho']:.4g}", *_format_epsilons(cost)))
        table.add_row(str(row["engagements"]), *cells)
    return table


def _name_epsilons(details: Mapping[str, Any]) -> list[str]:
    return [f"epsilon at delta {point['delta']:g} ({point['accountant']})" for point in details["epsilon"]]


def _format_epsilons(cost: Mapping[str, Any]) -> list[str]:
    return [_format_epsilon(point["epsilon"]) for point in cost["epsilon"]]


def _tabulate_audiences(audiences: Mapping[str, Any]) -> Table:
    table = Table(
        *("audience", "period", "statistic", "rho", "noise scale", "sd", "threshold"),
        title=f"Audiences ({audiences['rho']:g} of rho): {audiences['counted']}",
        title_justify="left",
    )
    for period in audiences["periods"]:
        for statistic in period["statistics"]:
            table.add_row(
                period["scope"],
                _format_duration(period["every_seconds"]),
                statistic["name"],
                f"{statistic['rho']:g}",
                str(statistic["noise_scale"]),
                f"{statistic['sd']:.1f}",
                str(statistic["threshold"]),
            )
    return table


def _tabulate_statistics(kind: str, details: Mapping[str, Any]) -> Table:
    is_joint = details["mechanism"]["calibration"] == CalibrationMethod.JOINT.value
    note = f"; {_JOINT_NOTE}" if is_joint else ""
    table = Table(
        *("statistic", "rho", "noise scale", "sensitivity²", "sd, first to last", "threshold, first to last"),
        title=f"Statistics of {kind}s (noise scale and sensitivity in the encoder's units{note})",
        title_justify="left",
    )
    for statistic in details["statistics"]:
        deviations, thresholds = statistic["sd_by_epoch"], statistic["threshold_by_epoch"]
        table.add_row(
            statistic["name"],
            f"{statistic['rho']:.4g}",
            str(statistic["noise_scale"]),
            str(statistic["sensitivity_squared"]),
            f"{deviations[0]:.1f} – {deviations[-1]:.1f}",
            f"{thresholds[0]} – {thresholds[-1]}",
        )
    return table


def _tabulate_epochs(
    kind: str, statistics: Sequence[Mapping[str, Any]], ages_seconds: Sequence[int]
) -> Table:
    """Returns standard deviation and threshold per epoch; statistics with equal numbers share a column."""

    def numbers(statistic: Mapping[str, Any]) -> tuple[list[float], list[int]]:
        return statistic["sd_by_epoch"], statistic["threshold_by_epoch"]

    columns = [
        (", ".join(statistic["name"] for statistic in group), *key)
        for key, group in (
            (key, list(group)) for key, group in groupby(sorted(statistics, key=numbers), numbers)
        )
    ]
    table = Table(
        *("epoch", "age"),
        *(name for name, _, _ in columns),
        title=f"Epochs of {kind}s: standard deviation, and smallest number that is published",
        title_justify="left",
    )
    for epoch, age_seconds in enumerate(ages_seconds):
        cells = (f"{deviations[epoch]:.1f}, {thresholds[epoch]}" for _, deviations, thresholds in columns)
        table.add_row(str(epoch), _format_duration(age_seconds), *cells)
    return table


def _format_duration(seconds: int) -> str:
    """Formats a duration as in `2 days, 6:00:00`."""
    return str(timedelta(seconds=seconds)).removesuffix(", 0:00:00")


def _format_epsilon(epsilon: float | None) -> str:
    return "none: the gate uses up delta" if epsilon is None else f"{epsilon:.4f}"
