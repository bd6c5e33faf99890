"""Lists all seeded mistakes."""

from tests.support.mutations.accounting import ACCOUNTING
from tests.support.mutations.admissions import ADMISSIONS
from tests.support.mutations.audiences import AUDIENCES
from tests.support.mutations.circumstances import CIRCUMSTANCES
from tests.support.mutations.handed_on import HANDED_ON
from tests.support.mutations.noise import NOISE
from tests.support.mutations.noise_law import NOISE_LAW
from tests.support.mutations.public_facts import PUBLIC_FACTS
from tests.support.mutations.release_times import RELEASE_TIMES
from tests.support.mutations.showing import SHOWING
from tests.support.mutations.stores import STORES

MUTATIONS = (
    *(*NOISE, *NOISE_LAW, *CIRCUMSTANCES, *ACCOUNTING),
    *(*SHOWING, *PUBLIC_FACTS, *STORES, *RELEASE_TIMES, *HANDED_ON, *AUDIENCES, *ADMISSIONS),
)
