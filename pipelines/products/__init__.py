"""The registry of products."""

from __future__ import annotations

from pipelines.products.avatar import AVATAR
from pipelines.products.base import Plan, ProductSpec
from pipelines.products.images import IMAGES
from pipelines.products.tryon import TRYON
from schemas.common import Product

PRODUCTS: dict[Product, ProductSpec] = {spec.product: spec for spec in (TRYON, AVATAR, IMAGES)}

#: The products and channels that have a session table (`darkroom_session_tables`).
SESSIONS = ((Product.TRYON, "b2c"), (Product.TRYON, "b2b"), (Product.IMAGES, "workspace"))

__all__ = ["PRODUCTS", "SESSIONS", "Plan", "ProductSpec"]
