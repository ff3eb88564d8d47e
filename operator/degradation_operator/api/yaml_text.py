"""Reads YAML that a person wrote: nothing that is more than data, nothing twice, and errors with their line."""

from __future__ import annotations

from typing import Any, Final, Protocol

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode

from degradation_operator.api.problems import InvalidPolicy, Problem, shortened

MAX_BYTES: Final = 1024 * 1024
"""As much as the API server's store would take for one object."""

_DEEPEST: Final = 64
_MOST_VALUES: Final = 100_000
"""Values after each alias is followed: a few lines of aliases can stand for billions."""

_TAG: Final = "tag:yaml.org,2002:"
_TAGS: Final = {_TAG + name for name in ("null", "bool", "int", "float", "str", "seq", "map", "merge")}

_SafeLoader: Final[type[yaml.SafeLoader]] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Mark(Protocol):  # the C loader's marks are of another class
    line: int
    column: int


class _Loader(_SafeLoader):  # type: ignore[valid-type,misc]  # chosen at run time: C where it is there
    # Without dates and `=`: a date stays the text that was written, as everywhere in Kubernetes.
    yaml_implicit_resolvers = {  # noqa: RUF012 - read by PyYAML, never written
        first: [(tag, pattern) for tag, pattern in resolvers if tag in _TAGS]
        for first, resolvers in _SafeLoader.yaml_implicit_resolvers.items()
    }


def read_yaml(text: str | bytes) -> list[Any]:
    """The documents of a YAML text as JSON-like data; empty ones are left out.

    Raises:
        InvalidPolicy: It is too long, no YAML, nested too deeply, gives a key twice, or uses aliases that
            stand for too much; with line and column.
    """
    if len(text) > MAX_BYTES:
        raise InvalidPolicy([Problem("", f"is longer than {MAX_BYTES // 1024} KiB, which no policy needs")])
    try:
        if isinstance(text, bytes):
            text = text.decode("utf-8-sig")
        text.encode()
    except (UnicodeDecodeError, UnicodeEncodeError) as error:
        raise InvalidPolicy([Problem("", f"is no UTF-8 text: {error.reason}")]) from None
    try:
        _check_depth(text)
        return _documents(text)
    except yaml.MarkedYAMLError as error:
        raise InvalidPolicy([Problem(_position(error.problem_mark), _complaint(error, text))]) from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise InvalidPolicy([Problem(f"line {line}", "holds a character that YAML does not allow")]) from None
    except RecursionError:
        raise InvalidPolicy([Problem("", "is nested too deeply")]) from None
    except ValueError:
        raise InvalidPolicy([Problem("", "holds a number of too many digits")]) from None


def _check_depth(text: str) -> None:
    # Before anything is built: building recurses, reading events does not.
    depth = 0
    for event in yaml.parse(text, Loader=_Loader):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > _DEEPEST:
                raise _refusal(event.start_mark, "is nested too deeply")
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1


def _documents(text: str) -> list[Any]:
    loader = _Loader(text)
    documents = []
    try:
        while loader.check_node():
            node = loader.get_node()
            _Checker().check(node)
            documents.append(loader.construct_document(node))
    finally:
        loader.dispose()
    return [document for document in documents if document is not None]


class _Checker:
    """Walks a document's nodes once, and counts what they stand for once aliases are followed."""

    def __init__(self) -> None:
        self._sizes: dict[Node, int] = {}
        self._open: set[Node] = set()

    def check(self, node: Node) -> int:
        if node in self._open:
            raise _refusal(node.start_mark, "contains itself by an alias")
        if node in self._sizes:
            return self._sizes[node]
        if node.tag not in _TAGS:
            raise _refusal(node.start_mark, f"has the tag {shortened(node.tag)}; only plain data is read")
        self._open.add(node)
        size = 1
        if isinstance(node, MappingNode):
            self._refuse_repeated_keys(node)
            size += sum(self.check(key) + self.check(value) for key, value in node.value)
        elif not isinstance(node, ScalarNode):
            size += sum(self.check(item) for item in node.value)
        self._open.remove(node)
        if size > _MOST_VALUES:
            raise _refusal(node.start_mark, "stands for too much once its aliases are followed")
        self._sizes[node] = size
        return size

    @staticmethod
    def _refuse_repeated_keys(node: MappingNode) -> None:
        seen: set[tuple[str, str]] = set()
        for key, _ in node.value:
            if not isinstance(key, ScalarNode):
                raise _refusal(key.start_mark, "is a list or an object where a key should be")
            if (key.tag, key.value) in seen:
                raise _refusal(key.start_mark, f"the key {shortened(key.value)} is given twice in one object")
            seen.add((key.tag, key.value))


def _refusal(mark: _Mark | None, message: str) -> InvalidPolicy:
    return InvalidPolicy([Problem(_position(mark), message)])


def _position(mark: _Mark | None) -> str:
    return "" if mark is None else f"line {mark.line + 1}, column {mark.column + 1}"


def _complaint(error: yaml.MarkedYAMLError, text: str) -> str:
    # Never the snippet that PyYAML would show: the line may hold a secret.
    line = error.problem_mark.line if error.problem_mark else 0
    begin = error.context_mark.line if error.context_mark else line
    begun = f" begun in line {begin + 1}" if begin != line else ""
    said = f"{error.context}{begun}, {error.problem}" if error.context else error.problem
    lines = text.splitlines()
    tabs = "; indent with spaces, not with tabs" if line < len(lines) and lines[line].startswith("\t") else ""
    return f"is no valid YAML: {said}{tabs}"
