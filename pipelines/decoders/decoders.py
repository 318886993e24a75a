"""The image functions, run in decoder processes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from pipelines.decoders.pool import DecoderPool
from pipelines.decoders.process import DecoderDied
from pipelines.decoders.sandbox import DecoderLimits
from pipelines.decoders.wire import Frame
from pipelines.images import FinishedImage
from providers.pictures.errors import input_refused
from providers.pictures.probe import probe
from providers.pose.picture import MAX_SIDE_PX, DecodedPhoto
from schemas.errors import InputRefused, Transient

OnDeath = Callable[[str], Awaitable[None]]
_GENERATED = "The generated picture"


class Decoders:
    """Runs `normalize`, `finish` and `decode` on pictures from outside.

    Every picture is walked in this process first, which refuses it with a reason. Of a decoder only the picture is
    taken: its messages are not trusted.
    """

    def __init__(
        self, processes: int | None = None, *, limits: DecoderLimits | None = None, on_death: OnDeath | None = None
    ) -> None:
        """Prepare; nothing is started before the first call, which takes about half a second longer.

        Args:
            processes: Maximum number of decoders; one per core by default.
            limits: Limits of each decoder.
            on_death: Called with the cause (memory, cpu, time, crash) when a picture ended its decoder.
        """
        self._pool = DecoderPool("pipelines.decoders.operations", processes, limits or DecoderLimits())
        self._on_death = on_death

    def close(self) -> None:
        """End all decoders."""
        self._pool.close()

    async def normalize(self, data: bytes, *, max_px: int, max_pixels: int, subject: str) -> bytes:
        """See `pipelines.images.normalize`.

        Raises:
            InputRefused: As there; code `picture_kills_decoder` if the picture ended its decoder.
            Unavailable: No decoder can be started.
        """
        probe(data, max_pixels=max_pixels, subject=subject)
        return (await self._call(data, subject, operation="normalize", max_px=max_px, max_pixels=max_pixels))[1]

    async def finish(
        self, data: bytes, *, credit: str, product: str, max_pixels: int, watermark_text: str | None
    ) -> FinishedImage:
        """See `pipelines.images.finish`.

        Raises:
            InputRefused: The picture ended its decoder: code `picture_kills_decoder`, not retried.
            Transient: The provider's data is not a usable picture (code `bad_picture`).
            Unavailable: No decoder can be started.
        """
        options = {"credit": credit, "product": product, "max_pixels": max_pixels, "watermark_text": watermark_text}
        try:
            probe(data, max_pixels=max_pixels, subject=_GENERATED)
            message, jpeg = await self._call(data, _GENERATED, operation="finish", **options)
        except InputRefused as error:
            if error.error_code == KILLED:
                raise
            reason = f"the provider returned no usable picture: {error.error_code}"
            raise Transient(reason, code="bad_picture") from error
        return FinishedImage(jpeg, int(message["width"]), int(message["height"]))

    async def pixels(self, data: bytes, *, max_pixels: int, subject: str = "The photo") -> DecodedPhoto:
        """Return the pixels for the pose model.

        Raises:
            InputRefused: As `normalize`.
            Unavailable: No decoder can be started.
        """
        from pipelines.images.pixels import to_picture  # noqa: PLC0415  numpy comes with the sizing extra

        info = probe(data, max_pixels=max_pixels, subject=subject)
        options = {"max_px": MAX_SIDE_PX, "max_pixels": max_pixels}
        message, pixels = await self._call(data, subject, operation="pixels", **options)
        return to_picture(pixels, int(message["width"]), int(message["height"]), info)

    async def _call(self, data: bytes, subject: str, **request: object) -> Frame:
        try:
            message, answer = await self._pool.call(request, data)
        except DecoderDied as died:
            if self._on_death is not None:
                await self._on_death(died.cause)
            raise input_refused(subject, "can't be processed", code=KILLED) from died
        if "refused" in message:
            raise input_refused(subject, "is damaged and can't be read", code="picture_damaged")
        return message, answer


#: Error code of a picture that ended its decoder.
KILLED = "picture_kills_decoder"
