"""The guarantee as tables."""

from io import StringIO

from rich.console import Console
from rich.table import Table

from api.cli.policy_tables import policy_tables
from privacy.mechanism.guarantee import guarantee
from privacy.policy.budget import CalibrationMethod
from privacy.policy.file import load_policy
from tests.support.first_policy import FIRST_POLICY_PATH


def test_the_tables_hold_what_is_declared_and_what_follows() -> None:
    """k, caps, schedule, cells, rho, epsilon, noise scales, and sd and threshold of every epoch are there."""
    document = guarantee(load_policy())
    out = StringIO()
    console = Console(file=out, width=250, markup=False)
    for table in policy_tables(document):
        console.print(table)
    shown = out.getvalue()
    assert document["policy_sha256"] in shown
    assert f"{document['schedule']['epochs']} epochs" in shown
    assert f"{document['creator_schedule']['epochs']} epochs" in shown
    assert "like and favorite of one video by one account" in shown
    assert "rho 0.2164; epsilon 3.9331 at delta 1e-09" in shown
    assert "age_gender" in shown
    assert "so they add up to more than that of the worst one" in shown
    titles = [str(table.title) for table in policy_tables(document) if isinstance(table, Table)]
    assert len(set(titles)) == len(titles)
    assert "made, and taken back" in shown
    assert all(name in shown for name in document["anonymity"]["derived"])
    for kind in document["kinds"].values():
        for row in (*kind["account_day"], *kind["account_month"], *kind["histories"]):
            assert f"{row['epsilon'][1]['epsilon']:.4f}" in shown
        for statistic in kind["statistics"]:
            assert str(statistic["noise_scale"]) in shown
            for sd, threshold in zip(statistic["sd_by_epoch"], statistic["threshold_by_epoch"], strict=True):
                assert f"{sd:.1f}, {threshold}" in shown


def test_only_a_jointly_calibrated_policy_is_explained_as_such() -> None:
    """The first default policy is calibrated statistic by statistic: its rho add up to the whole."""
    document = guarantee(load_policy(FIRST_POLICY_PATH))
    methods = {kind["mechanism"]["calibration"] for kind in document["kinds"].values()}
    assert methods == {CalibrationMethod.SEPARATE.value}
    titles = [str(table.title) for table in policy_tables(document) if isinstance(table, Table)]
    assert any(title.startswith("Statistics of") for title in titles)
    assert not any("joint calibration" in title for title in titles)
