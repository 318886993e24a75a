from __future__ import annotations

import pytest

from pipelines.middleware.phase_progress import phase_of
from pipelines.products import PRODUCTS
from schemas.common import Product


@pytest.mark.parametrize("product", Product)
def test_progress_grows_from_stage_to_stage_and_nothing_starts_after_rendering(product: Product) -> None:
    phases = [found for stage in PRODUCTS[product].stages if (found := phase_of(product, stage))]
    assert phases == sorted(phases)
    messages = [message for _, message in phases]
    assert "Starting" not in messages[messages.index("Rendering...") :]
