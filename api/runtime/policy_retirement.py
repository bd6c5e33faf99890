"""Takes a policy version back that no target is bound to."""

from collections.abc import Mapping
from dataclasses import dataclass

from redis import Redis

from privacy.catalogue.retirement import Retirement
from privacy.errors import ConflictError, NotFoundError, PolicyError
from privacy.gallery.reader import GalleryReader
from privacy.model.documents import CURRENT_VERSION
from privacy.model.sandbox import POLICY_SUFFIX
from privacy.policy.file import parse_policies
from privacy.policy.policy import Policy
from privacy.policy.registry import read_policy_texts, read_registered_policies, unregister_policy
from privacy.store.header import StoreHeader
from privacy.vault.limits import replace_limits


@dataclass(frozen=True)
class PolicyRetirement:
    """Retires policy versions. A retirement that was interrupted goes on when it is asked for again.

    Args:
        client: must have the admin ACL user.
        header: of the private room.
        gallery: says which version is in force.
    """

    client: Redis
    header: StoreHeader
    gallery: GalleryReader

    def retire(self, version: str) -> str | None:
        """Retire a version, and put the limits in force that follow from the others.

        Its sandbox's version is retired with it. A version that breaks a rule of this program is retired even
        if it is the one in force, since no process starts with it.

        Returns:
            The limits that are in force now; None if another version breaks a rule, so that none follow.

        Raises:
            NotFoundError: the store does not have the version.
            ConflictError: targets are bound to it, it is in force, or it is the only one.
            StoreBusyError: the store did not confirm; call again.
        """
        texts = read_policy_texts(self.client)
        if version in texts:
            self._require_unused(version, texts)
            self.close_if_unbound(version)
            unregister_policy(self.client, version)
        elif not self._retirement.is_closed(version):
            raise NotFoundError(f"the store has no policy {version}; it has {', '.join(sorted(texts))}")
        if not all(map(_is_valid, read_policy_texts(self.client).values())):
            return None
        return replace_limits(self.client, self.header.account_shards, self._read_policies)

    @property
    def _retirement(self) -> Retirement:
        return Retirement(self.client, self.header.target_shards)

    def _require_unused(self, version: str, texts: Mapping[str, bytes]) -> None:
        if _is_valid(texts[version]) and self._is_in_force(version):
            raise ConflictError(f"the policy {version} is in force: put another one in force first")
        if len(texts) == 1:
            raise ConflictError(f"the policy {version} is the store's only one: register another one first")

    def _is_in_force(self, version: str) -> bool:
        in_force = self.gallery.read_guarantee(CURRENT_VERSION)
        return in_force is not None and in_force["version"] == version

    def close_if_unbound(self, version: str) -> None:
        """Closes a version to new targets; opens it again if targets are bound to it.

        Raises:
            ConflictError: they are.
            StoreBusyError: the store did not confirm; call again.
        """
        names = (version, version + POLICY_SUFFIX)
        self._retirement.close(names)
        bound = self._retirement.count_targets()
        targets, canaries = (bound[name] for name in names)
        if targets or canaries:
            self._retirement.open(names)
            raise ConflictError(
                f"{targets} targets and {canaries} canaries are bound to the policy {version}: they keep it "
                "for as long as they are kept"
            )

    def _read_policies(self) -> list[Policy]:
        return [*read_registered_policies(self.client).values()]


def _is_valid(raw: bytes) -> bool:
    try:
        parse_policies(raw)
    except PolicyError:
        return False
    return True
