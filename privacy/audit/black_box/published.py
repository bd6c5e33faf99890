"""Reads the published numbers of canaries."""

from collections.abc import Mapping, Sequence
from email.utils import parsedate_to_datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from privacy.audit.black_box.deployment import Canary, Deployment, Reply
from privacy.errors import InvalidInputError
from privacy.model.timestamp import Clock

OK = 200
_PAGE = 200


def read_document(deployment: Deployment, path: str) -> Any:
    """Reads the JSON document at a path.

    Raises:
        InvalidInputError: the status is not 200.
    """
    reply = deployment.read(path)
    if reply.status != OK:
        detail = reply.body.decode(errors="replace")[:500]
        raise InvalidInputError(path, f"is answered with {reply.status}: {detail}", "200")
    return reply.document


def read_totals_by_epoch(deployment: Deployment, canary: Canary) -> dict[int, int | None]:
    """Reads every total of a canary so far; None where withheld."""
    path = f"/v1/videos/{canary.public_id}/likes/timeseries?limit={_PAGE}"
    points = read_document(deployment, path)["points"]
    return {point["total"]["epoch"]: point["total"]["value"] for point in points}


def read_totals(deployment: Deployment, canaries: Sequence[Canary], epochs: int) -> NDArray[np.float64]:
    """Reads the totals of canaries, shape (canaries, epochs); NaN where withheld."""
    found = np.full((len(canaries), epochs), np.nan)
    for row, canary in enumerate(canaries):
        for epoch, value in read_totals_by_epoch(deployment, canary).items():
            if epoch < epochs and value is not None:
                found[row, epoch] = value
    return found


def read_cells(
    deployment: Deployment, canary: Canary, dimension: str
) -> tuple[Mapping[str, Any], dict[str, Any]]:
    """Reads the total of a breakdown, and its cells by name."""
    answer = read_document(deployment, f"/v1/videos/{canary.public_id}/likes/breakdowns/{dimension}")
    return answer["total"], {cell["cell"]: cell["likes"] for cell in answer["cells"]}


def latest_served_ms(reply: Reply, clock: Clock) -> int:
    """Returns the latest time at which the answer was made; HTTP dates have whole seconds."""
    date = reply.headers.get("date")
    return clock() if date is None else 1000 * int(parsedate_to_datetime(date).timestamp()) + 999
