"""Valid bodies, shown in the API description; a test sends each of them."""

from __future__ import annotations

from typing import Any

B2C: dict[str, Any] = {
    "channel": "b2c",
    "user_id": "7b0c1f7e-53f5-4a44-9d0b-6f6f4a4b5d10",
    "model_image_url": "https://pictures.example/person.jpg",
    "outfit_image_url": "https://pictures.example/dress.jpg",
    "accessories": [{"type": "shoes", "url": "https://pictures.example/shoes.png"}],
    "prompt": "Standing in a bright studio",
}
B2B: dict[str, Any] = {
    "channel": "b2b",
    "store_id": "0f6e9f4e-1d53-4a0c-8f0a-8f1c0a5a7a21",
    "model_image_url": "https://pictures.example/person.jpg",
    "outfit_image_url": "https://pictures.example/jacket.jpg",
    "shopper_email": "shopper@shop.example",
}
PHOTO: dict[str, Any] = {
    "user_id": "7b0c1f7e-53f5-4a44-9d0b-6f6f4a4b5d10",
    "scene_description": "Reading in a café by the sea, late afternoon",
    "channel": "web",
    "avatar": {
        "id": "c6a1d5f2-0d2f-4a53-9f43-6a6c8c9a9b11",
        "name": "Mira",
        "gender": "female",
        "age": 27,
        "nationality": "Portuguese",
        "physical_description": "Curly dark hair, green eyes",
    },
}
IMAGES: dict[str, Any] = {
    "workspace_id": "3f0a8f0e-7a39-4b6c-8a41-1f3f0c6f8e31",
    "user_id": "7b0c1f7e-53f5-4a44-9d0b-6f6f4a4b5d10",
    "product_id": "9d4d6f0a-6f0b-4c58-b0a5-2d8f3a1e7c41",
    "prompt": "A ceramic mug on an oak table",
    "style_id": "modern",
    "count": 4,
}
