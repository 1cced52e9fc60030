"""Parameter files: YAML with inheritance, read into a `Profile`.

`base: demo.yaml` (a file beside this one) gives all keys that this file does not; sections are merged key by
key, lists are replaced. Whatever does not fit is one line: the file, the key, what is wrong, what is allowed.
"""

import difflib
import os
import reprlib
from pathlib import Path
from typing import TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from hpe_study.config import Profile
from hpe_study.errors import StudyError, brief
from hpe_study.utils.files import require_regular_file

Model = TypeVar("Model", bound=BaseModel)
MAX_BYTES, MAX_NODES, MAX_DEPTH, MAX_FILES, SHOWN = 1 << 18, 20_000, 40, 20, 3
TOO_MANY = f"stands for more than {MAX_NODES:,} values, aliases written out"


def read_profile(path: str | Path) -> Profile:
    """Read and check a parameter file; `StudyError` where it or its base is absent or does not fit."""
    return checked(Profile, read_values(path), path)


def read_values(path: str | Path) -> dict:
    """Read the keys of a parameter file and of its bases. Raises `StudyError` as `read_profile` does."""
    path, chain = Path(path), []
    values: dict = {}
    while True:
        if path in chain:
            raise StudyError(f"{path}: its base leads back to itself; a base may not be based on this file")
        chain.append(path)
        if len(chain) > MAX_FILES:
            raise StudyError(f"{chain[0]}: has more than {MAX_FILES} bases, one on the other; write it out")
        own = _mapping(path)
        values, base = _merged(own, values), own.get("base")
        values.pop("base", None)
        if base is None:
            return values
        if not isinstance(base, str) or "/" in base or not base.endswith(".yaml"):
            name = reprlib.repr(base)
            raise StudyError(f"{path}: base: {name} is not the name of a .yaml file beside this one")
        if not os.path.isfile(path.parent / base):
            there = f"there are: {_files_beside(path)}"
            raise StudyError(f"{path}: base: there is no file {base!r:.80} beside it ({there})")
        path = path.parent / base


def _merged(base: dict, over: dict) -> dict:
    both = {
        key: _merged(base[key], over[key])
        for key in base.keys() & over.keys()
        if isinstance(base[key], dict) and isinstance(over[key], dict)
    }
    return {**base, **over, **both}


def _mapping(path: Path) -> dict:
    try:
        if os.path.lexists(path):
            require_regular_file(path)
        with open(path, encoding="utf-8") as stream:
            text = stream.read(MAX_BYTES + 1)
        if len(text) > MAX_BYTES:
            raise StudyError(f"{path}: has more than {MAX_BYTES:,} characters; that is no parameter file")
        values = _values_of(text)
    except FileNotFoundError as error:
        raise StudyError(f"{path}: no such parameter file (at hand: {_files_beside(path)})") from error
    except OSError as error:
        raise StudyError(f"{path}: cannot be read ({error.strerror})") from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        reason = "nested too deeply" if isinstance(error, RecursionError) else brief(error, 300)
        raise StudyError(f"{path}: not readable as YAML: {reason}") from error
    if not isinstance(values, dict):
        kind = type(values).__name__
        raise StudyError(f"{path}: a parameter file is a list of 'key: value' lines; this one holds {kind}")
    return values


def _files_beside(path: Path) -> str:
    return ", ".join(sorted(str(other) for other in path.parent.glob("*.yaml"))) or "none"


class _Loader(yaml.SafeLoader):
    """YAML's safe loader, which also refuses keys that stand twice or are no text, and too many values."""

    nodes = 0  # so far

    def compose_node(self, parent: yaml.Node | None, index: object) -> yaml.Node:
        self.nodes += 1  # counted here: to read 100,000 takes ten seconds
        if self.nodes > MAX_NODES:
            raise ValueError(TOO_MANY)
        return super().compose_node(parent, index)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict:
        names = set()
        for key in (key for key, _ in node.value if key.tag != "tag:yaml.org,2002:merge"):
            text = key.tag == "tag:yaml.org,2002:str"
            if not text or key.value in names:
                fault = f"the key {str(key.value)[:40]!r} {'stands there twice' if text else 'is no text'}"
                raise yaml.constructor.ConstructorError(None, None, fault, key.start_mark)
            names.add(key.value)
        return super().construct_mapping(node, deep)


def _values_of(text: str) -> object:
    loader = _Loader(text)
    try:
        node = loader.get_single_node()
        if node is None:
            return None
        _refuse_bomb(node, {}, 0)
        return loader.construct_document(node)
    finally:
        loader.dispose()


def _refuse_bomb(node: yaml.Node, sizes: dict, depth: int) -> int:
    """The number of values that a node stands for, aliases written out."""
    if depth > MAX_DEPTH:
        raise ValueError(f"nested more than {MAX_DEPTH} levels deep, or in itself")
    if id(node) not in sizes:
        parts = node.value if isinstance(node.value, list) else []
        if isinstance(node, yaml.ScalarNode) and b"\0" in node.value.encode():  # ValueError: half a character
            raise ValueError("a text holds a zero byte")
        children = (child for part in parts for child in (part if isinstance(part, tuple) else (part,)))
        sizes[id(node)] = 1 + sum(_refuse_bomb(child, sizes, depth + 1) for child in children)
        if sizes[id(node)] > MAX_NODES:
            raise ValueError(TOO_MANY)
    return sizes[id(node)]


def checked(model: type[Model], values: dict, origin: object) -> Model:
    """`model(**values)`; what does not fit becomes a `StudyError` that starts with `origin`."""
    try:
        return model(**values)
    except ValidationError as error:
        faults = error.errors()
        more = f"; and {len(faults) - SHOWN} more" if len(faults) > SHOWN else ""
        explained = "; ".join(_explained(model, fault) for fault in faults[:SHOWN])
        raise StudyError(f"{origin}: {explained}{more}") from error


def _explained(model: type[BaseModel], fault: dict) -> str:
    key = repr(".".join(str(part) for part in fault["loc"])[:120])[1:-1]  # on one line
    if fault["type"] == "extra_forbidden":
        allowed = _fields(model, fault["loc"][:-1])
        like = difflib.get_close_matches(str(fault["loc"][-1]), allowed, 1)
        hint = f"did you mean {like[0]!r}? " if like else ""
        return f"unknown key '{key}'; {hint}allowed here: {', '.join(allowed)}"
    if fault["type"] == "missing":
        return f"key '{key}' is missing"
    message = fault["msg"].removeprefix("Value error, ")
    if isinstance(fault["input"], dict):  # a rule about several keys names them itself
        return f"{key}: {message}" if key else message
    return f"{key}: {message} (it is {reprlib.repr(fault['input'])})"


def _fields(model: type[BaseModel], location: tuple) -> list[str]:
    """The keys allowed at a place of the file."""
    for part in location:
        field = model.model_fields.get(part) if isinstance(part, str) else None
        annotation = field.annotation if field else model
        nested = [annotation, *getattr(annotation, "__args__", ())]
        model = next((c for c in nested if isinstance(c, type) and issubclass(c, BaseModel)), model)
    return sorted(model.model_fields)
