"""Client of the part of ComfyUI's API that is used: https://docs.comfy.org/development/comfyui-server/comms_routes."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import BaseModel, Field, TypeAdapter, ValidationError

from providers.images import errors as faults
from providers.images.http_client import ProviderHttp
from schemas.common import Id, Payload

if TYPE_CHECKING:
    import httpx2

PROVIDER = "comfyui"
#: Items of a queue: number, id of the prompt, and more.
_ID_FIELD = 1
_OUTPUT = "output"

M = TypeVar("M", bound=BaseModel)


class UploadedFile(Payload):
    """An uploaded picture."""

    name: str
    subfolder: str = ""

    @property
    def path(self) -> str:
        """The value of an input that loads it."""
        return f"{self.subfolder}/{self.name}" if self.subfolder else self.name


class QueuedPrompt(Payload):
    """The answer to a queued prompt."""

    prompt_id: Id


class PromptQueue(Payload):
    """The running and the pending prompts."""

    queue_running: tuple[tuple[Any, ...], ...] = ()
    queue_pending: tuple[tuple[Any, ...], ...] = ()


class OutputFile(Payload):
    """A file that a node wrote."""

    filename: str
    subfolder: str = ""
    type: str = _OUTPUT


class NodeOutput(Payload):
    """The pictures of one node."""

    images: tuple[OutputFile, ...] = ()


class HistoryStatus(Payload):
    """How a prompt ended."""

    status_str: str = "success"


class HistoryItem(Payload):
    """An ended prompt."""

    status: HistoryStatus = HistoryStatus()
    outputs: dict[str, NodeOutput] = Field(default_factory=dict)


_HISTORY = TypeAdapter(dict[str, HistoryItem])


@dataclass(frozen=True, slots=True)
class ComfyPrompt:
    """A prompt; once it has ended, its picture, or that it failed."""

    id: str
    running: bool = True
    failed: bool = False
    picture: bytes | None = field(default=None, repr=False)


class ComfyUIApi:
    """Uploads pictures, queues, reads and cancels prompts; raises `DarkroomError` only."""

    def __init__(self, base_url: str) -> None:
        """Create the client without sending anything."""
        self._http = ProviderHttp(PROVIDER, base_url, {})

    async def upload(self, name: str, data: bytes, read_s: float) -> str:
        """Upload an input picture and return the value that loads it."""
        files = [("image", (name, data, "image/jpeg"))]
        response = await self._http.request("POST", "/upload/image", read_s, data={"overwrite": "true"}, files=files)
        return _parsed(response, UploadedFile).path

    async def queue(self, nodes: dict[str, Any], read_s: float) -> ComfyPrompt:
        """Queue a prompt."""
        body = {"prompt": nodes, "client_id": uuid.uuid4().hex}
        response = await self._http.request("POST", "/prompt", read_s, json=body)
        return ComfyPrompt(_parsed(response, QueuedPrompt).prompt_id)

    async def read(self, prompt_id: str, read_s: float) -> ComfyPrompt:
        """Return the current state of the prompt, with its picture if it has ended."""
        item = await self._history(prompt_id, read_s)
        if item is None:
            queue = await self._queue(read_s)
            if _holds(queue.queue_running, prompt_id) or _holds(queue.queue_pending, prompt_id):
                return ComfyPrompt(prompt_id)
            # It may have ended between the two questions; otherwise a restart has emptied the queue.
            item = await self._history(prompt_id, read_s)
        if item is None or item.status.status_str != "success":
            return ComfyPrompt(prompt_id, running=False, failed=True)
        return ComfyPrompt(prompt_id, running=False, picture=await self._picture(item, read_s))

    async def cancel(self, prompt_id: str, read_s: float) -> None:
        """Remove the prompt from the queue, or interrupt it if it is the running one."""
        queue = await self._queue(read_s)
        if _holds(queue.queue_running, prompt_id):
            await self._http.request("POST", "/interrupt", read_s, json={"prompt_id": prompt_id})
        elif _holds(queue.queue_pending, prompt_id):
            await self._http.request("POST", "/queue", read_s, json={"delete": [prompt_id]})

    async def aclose(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def _queue(self, read_s: float) -> PromptQueue:
        return _parsed(await self._http.request("GET", "/queue", read_s), PromptQueue)

    async def _history(self, prompt_id: str, read_s: float) -> HistoryItem | None:
        response = await self._http.request("GET", f"/history/{prompt_id}", read_s)
        _check_status(response)
        try:
            return _HISTORY.validate_json(response.content).get(prompt_id)
        except ValidationError:
            raise _unreadable() from None

    async def _picture(self, item: HistoryItem, read_s: float) -> bytes | None:
        files = [file for output in item.outputs.values() for file in output.images]
        # Previews are files of another type.
        file = next((each for each in files if each.type == _OUTPUT), None)
        if file is None:
            return None
        response = await self._http.request("GET", "/view", read_s, params=file.model_dump())
        _check_status(response)
        return response.content


def _parsed(response: httpx2.Response, model: type[M]) -> M:
    _check_status(response)
    try:
        return model.model_validate_json(response.content)
    except ValidationError:
        raise _unreadable() from None


def _check_status(response: httpx2.Response) -> None:
    if not response.is_success:
        raise faults.from_status(PROVIDER, response.status_code, response.headers)


def _unreadable() -> Exception:
    return faults.no_picture(PROVIDER, "comfyui's answer can't be read")


def _holds(queue: tuple[tuple[Any, ...], ...], prompt_id: str) -> bool:
    return any(len(item) > _ID_FIELD and item[_ID_FIELD] == prompt_id for item in queue)
