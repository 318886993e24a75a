"""The registry of products."""

from __future__ import annotations

from pipelines.products.avatar import AVATAR
from pipelines.products.base import Plan, ProductSpec
from pipelines.products.images import IMAGES
from pipelines.products.tryon import TRYON
from schemas.common import Product

PRODUCTS: dict[Product, ProductSpec] = {spec.product: spec for spec in (TRYON, AVATAR, IMAGES)}

__all__ = ["PRODUCTS", "Plan", "ProductSpec"]
