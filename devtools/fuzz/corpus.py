"""Valid small pictures of every kind that is accepted, and of some that are refused."""

from __future__ import annotations

from io import BytesIO

from PIL import Image, ImageCms

from devtools.bench.photo import draw_photo

#: Megapixels of each picture: small, so that thousands fit into a minute.
MEGAPIXELS = 0.03
_ORIENTATION, _CAMERA = 0x0112, 0x010F


def pictures() -> dict[str, bytes]:
    """Return encoded pictures by kind."""
    photo = draw_photo(MEGAPIXELS).convert("RGB")
    transparent = photo.convert("RGBA")
    transparent.putalpha(Image.linear_gradient("L").resize(photo.size))
    metadata = {"exif": _exif(), "icc_profile": ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()}
    return {
        "jpeg": _saved(photo, "JPEG", **metadata),
        "jpeg_progressive": _saved(photo, "JPEG", progressive=True),
        "jpeg_grey": _saved(photo.convert("L"), "JPEG"),
        "jpeg_cmyk": _saved(photo.convert("CMYK"), "JPEG"),
        "jpeg_restarts": _saved(photo, "JPEG", restart_marker_rows=1, subsampling="4:4:4"),
        "png": _saved(photo, "PNG", **metadata),
        "png_palette": _saved(photo.quantize(16), "PNG", transparency=1),
        "png_grey_16": _saved(photo.convert("I;16"), "PNG"),
        "png_transparent": _saved(transparent, "PNG"),
        "png_bits": _saved(photo.convert("1"), "PNG"),
        "webp": _saved(photo, "WEBP", **metadata),
        "webp_transparent": _saved(transparent, "WEBP"),
        "webp_lossless": _saved(transparent, "WEBP", lossless=True),
        "webp_animation": _saved(photo, "WEBP", save_all=True, append_images=[transparent]),
        "gif": _saved(photo, "GIF"),
        "bmp": _saved(photo, "BMP"),
        "tiff": _saved(photo, "TIFF"),
    }


def _saved(image: Image.Image, name: str, **options: object) -> bytes:
    file = BytesIO()
    image.save(file, name, **options)
    return file.getvalue()


def _exif() -> Image.Exif:
    exif = Image.Exif()
    exif[_ORIENTATION], exif[_CAMERA] = 6, "Camera"
    return exif
