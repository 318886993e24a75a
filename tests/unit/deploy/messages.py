"""Every error that the source can print, read from its syntax: codes, and the sentences of what has none."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[3]
PACKAGES = ("actors", "commands", "http", "pipelines", "providers", "schemas")
LOUD = {"warning", "error", "critical", "exception"}
SENTENCES = {"CommandError", "StartError", "BindingError", "TokensError", "NotReadyError", "NotRunningError"}


def codes() -> dict[str, str]:
    """`{code: file}` of every error code."""
    return {code: str(file) for file, tree in _trees() for code in _codes(tree)}


def sentences() -> dict[str, str]:
    """`{longest fixed part: file}` of every sentence that has no code."""
    return {text: str(file) for file, tree in _trees() for text in _sentences(tree)}


def warnings() -> dict[str, str]:
    """`{event: file}` of every log event of level warning and above."""
    return {event: str(file) for file, tree in _trees() for event in _warnings(tree)}


def _trees() -> Iterator[tuple[Path, ast.Module]]:
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            yield path.relative_to(ROOT), ast.parse(path.read_text())


def _codes(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield from filter(None, (_text(word.value) for word in node.keywords if word.arg == "code"))
            if _name(node) == "Problem" and len(node.args) > 1 and _text(node.args[1]):
                yield _text(node.args[1])
        elif isinstance(node, ast.Assign | ast.AnnAssign) and isinstance(node.value, ast.Constant):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            if _text(node.value) and any(isinstance(name, ast.Name) and name.id == "code" for name in targets):
                yield _text(node.value)


def _sentences(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and _name(node) in SENTENCES and node.args and (said := _text(node.args[0])):
            yield said


def _warnings(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in LOUD:
            # An event is one word; what takes a sentence under such a name is no log.
            yield from filter(str.isidentifier, map(_text, node.args[:1]))


def _name(node: ast.Call) -> str:
    return node.func.id if isinstance(node.func, ast.Name) else ""


def _text(node: ast.expr) -> str:
    """The longest fixed part of a string, the empty string for anything else."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return max((_text(part) for part in node.values), key=len).strip()
    return ""
