"""Reads what a deployment has published of its canaries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from privacy.audit.black_box.deployment import Canary, Deployment
from privacy.errors import InvalidInputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

OK = 200
_PAGE = 200


def document(deployment: Deployment, path: str) -> Any:
    """What a path answers.

    Raises:
        InvalidInputError: it does not answer 200.
    """
    reply = deployment.read(path)
    if reply.status != OK:
        detail = reply.body.decode(errors="replace")[:500]
        raise InvalidInputError(path, f"is answered with {reply.status}: {detail}", "200")
    return reply.document


def totals_by_epoch(deployment: Deployment, canary: Canary) -> dict[int, int | None]:
    """Every total of a canary so far; None where it was withheld."""
    path = f"/v1/videos/{canary.public_id}/likes/timeseries?limit={_PAGE}"
    points = document(deployment, path)["points"]
    return {point["total"]["epoch"]: point["total"]["value"] for point in points}


def totals(deployment: Deployment, canaries: Sequence[Canary], epochs: int) -> NDArray[np.float64]:
    """Totals of canaries in the epochs from 0, shape (canaries, epochs); NaN where none was shown."""
    found = np.full((len(canaries), epochs), np.nan)
    for row, canary in enumerate(canaries):
        for epoch, value in totals_by_epoch(deployment, canary).items():
            if epoch < epochs and value is not None:
                found[row, epoch] = value
    return found


def cells(deployment: Deployment, canary: Canary, dimension: str) -> tuple[Mapping[str, Any], dict[str, Any]]:
    """The total of a breakdown, and its cells by name, each in the shape of a number."""
    answer = document(deployment, f"/v1/videos/{canary.public_id}/likes/breakdowns/{dimension}")
    return answer["total"], {cell["cell"]: cell["likes"] for cell in answer["cells"]}
