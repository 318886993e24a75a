"""What a provider does with the pictures it is sent, as it states itself, and the class that follows from it."""

from __future__ import annotations

from datetime import date
from enum import StrEnum

from schemas.common import Frozen

_HOURS_PER_DAY = 24
_HOURS_PER_MONTH = 30 * _HOURS_PER_DAY


class PrivacyClass(StrEnum):
    """Classes of providers, from the least to the most private."""

    ANY = "any"
    NO_TRAINING = "no_training"
    DELETED_WITHIN_30_DAYS = "deleted_within_30_days"
    DELETED_WITHIN_A_DAY = "deleted_within_a_day"
    SELF_HOSTED = "self_hosted"

    def satisfies(self, minimum: PrivacyClass) -> bool:
        """Return whether this class is `minimum` or a more private one."""
        order = list(PrivacyClass)
        return order.index(self) >= order.index(minimum)


class Privacy(Frozen):
    """A provider's treatment of inputs and results. Unknown counts as the worst.

    Attributes:
        trains_on_inputs: Whether the vendor may train on them; None if it does not say.
        retention_h: Hours for which the vendor keeps them at most, with the settings that we send; None if unknown.
        regions: Where they are processed, such as `us` or `eu`; empty if unknown.
        self_hosted: Whether they stay on machines of the operator.
        source: Page that states this.
        as_of: Day on which the page was read.
    """

    trains_on_inputs: bool | None = None
    retention_h: float | None = None
    regions: tuple[str, ...] = ()
    self_hosted: bool = False
    source: str = ""
    as_of: date | None = None

    @property
    def privacy_class(self) -> PrivacyClass:
        """The class that PROVIDER_MIN_PRIVACY compares."""
        if self.self_hosted:
            return PrivacyClass.SELF_HOSTED
        if self.trains_on_inputs is not False:
            return PrivacyClass.ANY
        if self.retention_h is None or self.retention_h > _HOURS_PER_MONTH:
            return PrivacyClass.NO_TRAINING
        if self.retention_h > _HOURS_PER_DAY:
            return PrivacyClass.DELETED_WITHIN_30_DAYS
        return PrivacyClass.DELETED_WITHIN_A_DAY
