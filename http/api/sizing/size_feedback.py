"""`POST /size-feedback`: whether a recommended size fitted."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, ClassVar

from itsdangerous import BadData, URLSafeSerializer

from api.body import read
from api.operations import Operation, Scope
from api.problems import Problem
from schemas.size_feedback import SizeEstimate, SizeFeedbackRequest

if TYPE_CHECKING:
    from falcon.asgi import Request, Response

    from providers.records.size_feedback import SizeFeedbackRecords

_SALT = "darkroom.size-estimate"


class EstimateIds:
    """Makes and reads the signed `estimate_id` of an answer."""

    def __init__(self, key: bytes) -> None:
        """Sign with `key`."""
        options: dict[str, Any] = {"key_derivation": "hmac", "digest_method": hashlib.sha256}
        self._serializer = URLSafeSerializer(key, salt=_SALT, signer_kwargs=options)

    def make(self, *, store_id: str, chart: str, size: str, shift_cm: float) -> str:
        """Return a new signed id with these values."""
        return str(self._serializer.dumps([secrets.token_urlsafe(9), store_id, chart, size, shift_cm]))

    def read(self, estimate_id: str) -> SizeEstimate:
        """Return the content of an id.

        Raises:
            Problem: The id was not signed with this key.
        """
        try:
            nonce, store_id, chart, size, shift_cm = self._serializer.loads(estimate_id)
        except BadData:
            sentence = "The estimate_id is not one that this service answered."
            raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "estimate_id_invalid", sentence) from None
        return SizeEstimate(nonce=nonce, store_id=store_id, chart=chart, size=size, shift_cm=shift_cm)


class SizeFeedback:
    """Feedback of a shop on a recommended size."""

    operations: ClassVar[Mapping[str, Operation]] = {
        "POST": Operation(
            "Report whether the recommended size was kept, too small or too large.",
            {204: None},
            scope=Scope.PRODUCE,
            body=SizeFeedbackRequest,
            problems=(422, 503),
        ),
    }

    def __init__(self, records: SizeFeedbackRecords, ids: EstimateIds) -> None:
        """Verify ids with `ids` and store feedback in `records`."""
        self._records = records
        self._ids = ids

    async def on_post(self, req: Request, resp: Response) -> None:
        """Store the outcome; reporting an estimate again replaces it."""
        body = await read(req, SizeFeedbackRequest)
        estimate = self._ids.read(body.estimate_id)
        req.context.principal.must_own(estimate.store_id)
        await self._records.add(estimate, body.outcome)
        resp.status = HTTPStatus.NO_CONTENT
