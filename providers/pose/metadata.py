"""Adds the TFLite metadata that the Tasks API requires of a landmark model: how its input is normalised.

Formats: TensorFlow's `schema.fbs` (the model) and `metadata_schema.fbs` (the metadata). MediaPipe's package contains
the code generated from both.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import flatbuffers
import numpy as np
from mediapipe.tasks.metadata import metadata_schema_py_generated as metadata_fb
from mediapipe.tasks.metadata import schema_py_generated as schema_fb

if TYPE_CHECKING:
    from collections.abc import Callable

METADATA_NAME = b"TFLITE_METADATA"
METADATA_IDENTIFIER = b"M001"
MODEL_IDENTIFIER = b"TFL3"
#: Bytes; TFLite's kernels require it of weights.
WEIGHTS_ALIGNMENT = 16


def with_normalization(model: bytes, *, mean: float, std: float) -> bytes:
    """Return `model` (a TFLite flatbuffer) with `(pixel - mean) / std` declared on its first input, weights aligned."""
    tree = schema_fb.ModelT.InitFromPackedBuf(model)
    added = schema_fb.BufferT()
    added.data = np.frombuffer(_normalization(mean, std), dtype=np.uint8)
    entry = schema_fb.MetadataT()
    entry.name, entry.buffer = METADATA_NAME, len(tree.buffers)
    tree.buffers.append(added)
    tree.metadata = [*(tree.metadata or []), entry]
    for buffer in tree.buffers:
        buffer.Pack = _aligned_pack(buffer)
    return _finished(tree, MODEL_IDENTIFIER)


def _normalization(mean: float, std: float) -> bytes:
    options = metadata_fb.NormalizationOptionsT()
    options.mean, options.std = [mean], [std]
    unit = metadata_fb.ProcessUnitT()
    unit.optionsType, unit.options = metadata_fb.ProcessUnitOptions.NormalizationOptions, options
    image = metadata_fb.ImagePropertiesT()
    image.colorSpace = metadata_fb.ColorSpaceType.RGB
    content = metadata_fb.ContentT()
    content.contentPropertiesType, content.contentProperties = metadata_fb.ContentProperties.ImageProperties, image
    tensor = metadata_fb.TensorMetadataT()
    tensor.name, tensor.content, tensor.processUnits = "image", content, [unit]
    graph = metadata_fb.SubGraphMetadataT()
    graph.inputTensorMetadata = [tensor]
    root = metadata_fb.ModelMetadataT()
    root.subgraphMetadata, root.minParserVersion = [graph], "1.0.0"
    return _finished(root, METADATA_IDENTIFIER)


def _finished(tree: Any, identifier: bytes) -> bytes:
    builder = flatbuffers.Builder(1 << 20)
    builder.Finish(tree.Pack(builder), identifier)
    return bytes(builder.Output())


def _aligned_pack(buffer: Any) -> Callable[[Any], int]:
    """Return a function that packs `buffer` with its bytes aligned; the generated code aligns them to 4 bytes only."""

    def pack(builder: Any) -> int:
        data = _aligned_vector(builder, buffer.data) if buffer.data is not None else None
        schema_fb.BufferStart(builder)
        if data is not None:
            schema_fb.BufferAddData(builder, data)
        return int(schema_fb.BufferEnd(builder))

    return pack


def _aligned_vector(builder: Any, data: Any) -> int:
    raw = bytes(data)
    builder.StartVector(1, len(raw), WEIGHTS_ALIGNMENT)
    builder.head = builder.head - len(raw)
    builder.Bytes[builder.head : builder.head + len(raw)] = raw
    return int(builder.EndVector())
