"""Files that are no policy, and what is said about each."""

from __future__ import annotations

BAD_TEXTS: dict[str, tuple[str | bytes, str]] = {
    "empty": ("", "is empty; it should hold a DegradationPolicy"),
    "comments alone": ("# nothing\n---\n---\n", "is empty; it should hold a DegradationPolicy"),
    "a list at the top": ("- a\n", "holds a list at the top; it should be a DegradationPolicy, beginning with apiVersion"),
    "a word at the top": ("policy", "holds a single value at the top; it should be a DegradationPolicy, beginning with apiVersion"),
    "only other kinds": ("kind: Secret\n---\nkind: Namespace\n", "holds no DegradationPolicy, only Secret, Namespace"),
    "a misspelt kind": ("kind: DegradationPolcy\n", "holds no DegradationPolicy; did you mean DegradationPolicy instead of DegradationPolcy?"),
    "indented with a tab": ("spec:\n\tmode: Observe", "line 2, column 1: is no valid YAML: while scanning for the next token, found character that cannot start any token; indent with spaces, not with tabs"),
    "a bracket left open": ("kind: [a,\nspec: 1", "line 3, column 1: is no valid YAML: while parsing a flow sequence begun in line 1, did not find expected ',' or ']'"),
    "a key twice": ("kind: DegradationPolicy\nspec:\n  mode: Observe\n  mode: Enforce\n", "line 4, column 3: the key mode is given twice in one object"),
    "an unknown alias": ("spec: *nothing", "line 1, column 7: is no valid YAML: found undefined alias"),
    "an alias that contains itself": ("spec: &a [*a]", "line 1, column 7: contains itself by an alias"),
    "a list as key": ("? [a]\n: b", "line 1, column 3: is a list or an object where a key should be"),
    "an object of Python": ("spec: !!python/object/apply:os.getcwd []", "line 1, column 7: has the tag tag:yaml.org,2002:python/object/apply:os.getcwd; only plain data is read"),
    "nested deeply": ("spec: " + "[" * 65 + "]" * 65, "line 1, column 70: is nested too deeply"),
    "longer than 1 MiB": ("#" * (1024 * 1024 + 1), "is longer than 1024 KiB, which no policy needs"),
    "a control character": (b"kind: a\nspec: \x01", "line 2: holds a character that YAML does not allow"),
    "another encoding": ("kind: ñ".encode("latin-1"), "is no UTF-8 text: unexpected end of data"),
    "half a surrogate": ("kind: \ud800", "is no UTF-8 text: surrogates not allowed"),
    "a number without end": ("spec: " + "9" * 5000, "holds a number of too many digits"),
}  # fmt: skip
