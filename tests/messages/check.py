#!/usr/bin/env python3
"""Every message that a user can meet stands in a test with its whole text.

Messages are the format strings of functions declared with __attribute__((format)) and of those in PLAIN, which take a
text as it is. A message is tested when a line of what tests expect holds all of it, with anything for each %-directive.
"""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
FOLDERS = ["ir", "frontend", "passes", "codegen", "driver"]
# Which argument is the text; by name, or by file and name where several files have one of that name.
PLAIN = {"argp_error": 1, "lex_fail": 1, "builder_fail": 1, "bad_shape": 2, "frontend/lexer.l ERROR": 0,
         "frontend/weights/mapped.c fail": 2, "frontend/weights/pickle.c fail": 1, "driver/sizes.c refuse": 2}
# Here functions return what is wrong.
RETURNING = ["frontend/weights/npy.c", "ir/loop/type.c"]
# These make texts that are no messages: parts, tables, remarks, and what differs between modules that should be equal.
OTHERS = {"strbuf_printf", "strbuf_vprintf", "arena_printf", "xprintf", "table_cell", "diag_remark", "pass_remark", "pass_refuse",
          "differ"}
# What no test can bring about, and why.
UNTESTED = {
    "codegen/codegen.c": ["this nncc was built without aarch64-linux-gnu-gcc"],
    # A folder that takes a file, but no folder.
    "codegen/link.c": ["no folder for temporary files"],
    # Memory or processes run out.
    "frontend/weights/zip.c": ["there is not enough memory"],
    "driver/golden.c": ["there is not enough memory"],
    "driver/verify.c": ["there is not enough memory"],
    "driver/loaded.c": ["there is not enough memory", "cannot start a process"],
    "ir/ref/ref_run.c": ["its result does not fit", "the output `%s` does not fit"],
    # nncc itself would have to be wrong.
    "driver/cmd_verify.c": ["the outputs", "it is wrong from pass"],
    "frontend/onnx/graph.c": ["it cannot be converted"],
    # Texts of 4 GB; texts with a zero byte, which are refused as a whole.
    "ir/graph/lexer.c": ["a text of more than 4 GB"],
    "ir/graph/reader.c": ["a list too long"],
    "frontend/lexer.l": ["a string cannot hold a zero byte"],
    # Tested again what shape inference and the verifiers saw to.
    "ir/ref/ref_attention.c": [""], "ir/ref/ref_conv.c": [""], "ir/ref/ref_linear.c": [""], "ir/ref/ref_shape.c": [""],
    "ir/ref/ref_token.c": [""], "ir/ref/ref_walk.c": [""],
    "passes/loop/plan_memory.c": ["the model needs more memory than can be counted", "the size of `%s` has no bound"],
    "passes/loop/plan_weights.c": [""],
}
LITERAL = re.compile(r'"((?:[^"\\\n]|\\.)*)"')
DIRECTIVE = re.compile(r"%(?:%|[-+ #0]*[\d*]*(?:\.[\d*]+)?(?:hh|h|ll|l|z|j)?[a-zA-Z])")
ESCAPES = {"n": "\n", "t": "\t", "0": "\0"}
LEAST = 3  # letters that a format needs to be a message of its own rather than a frame for another


def without_comments(text):
    keep = r'("(?:[^"\\\n]|\\.)*"|\'(?:[^\'\\\n]|\\.)+\')'
    return re.sub(rf"//[^\n]*|/\*.*?\*/|{keep}", lambda m: m.group(1) or " ", text, flags=re.S)


def unescape(text):
    return re.sub(r"\\(.)", lambda m: ESCAPES.get(m.group(1), m.group(1)), text, flags=re.S)


def arguments(text, at):
    """The arguments of a call whose parenthesis opens before `at`."""
    found, depth, start = [], 0, at
    while at < len(text):
        c = text[at]
        if c == '"' and (literal := LITERAL.match(text, at)):
            at = literal.end()
            continue
        if c == "'":
            at += 2 + (text[at + 1] == "\\")
        elif c in "([{":
            depth += 1
        elif c in ")]}" and depth == 0:
            return found + [text[start:at]]
        elif c in ")]}":
            depth -= 1
        elif c == "," and depth == 0:
            found.append(text[start:at])
            start = at + 1
        at += 1
    return found


def formats(argument):
    """The texts that an argument can be: literals side by side are one, those of a condition several."""
    argument = re.sub(r"\bPRI[di]64\b", '"lld"', argument)
    joined = re.sub(r'(?<!\\)"\s+"', "", argument)
    return [unescape(m.group(1)) for m in LITERAL.finditer(joined)]


def is_message(text):
    return len(re.findall("[A-Za-z]", DIRECTIVE.sub("", text))) >= LEAST


def messages():
    """(file, text) of each."""
    files = {p: without_comments(p.read_text()) for f in FOLDERS for p in sorted((ROOT / f).rglob("*.[chly]"))}
    indices = dict(PLAIN)
    for text in files.values():
        for m in re.finditer(r"(\w+)\([^;{}]*?\)\s*__attribute__\(\(format\(printf, (\d+)", text):
            indices[m.group(1)] = int(m.group(2)) - 1
        for m in re.finditer(r"__attribute__\(\(format\(printf, (\d+), \d+\)\)\)[\w\s*]*?(\w+)\(", text):
            indices[m.group(2)] = int(m.group(1)) - 1
    for path, text in files.items():
        name = str(path.relative_to(ROOT))
        for m in re.finditer(r"\b(\w+)\(", text):
            index = indices.get(m.group(1), indices.get(f"{name} {m.group(1)}"))
            if index is None or m.group(1) in OTHERS:
                continue
            given = arguments(text, m.end())
            yield from ((name, f) for f in (formats(given[index]) if index < len(given) else []) if is_message(f))
        if name in RETURNING:
            returned = [f for m in re.finditer(r"return [^;]*;", text) for f in formats(m.group(0))]
            yield from ((name, f) for f in returned if is_message(f))


def expectations():
    """All that tests compare with, as lines."""
    lines = set()
    for path in sorted((ROOT / "tests").rglob("*")):
        if path.suffix == ".c":
            text = without_comments(path.read_text())
            for literal in LITERAL.finditer(re.sub(r'(?<!\\)"\s+"', "", text)):
                lines.update(unescape(literal.group(1)).splitlines())
        elif path.suffix in (".sh", ".py"):
            lines.update(re.sub(r"\\(.)", r"\1", path.read_text()).splitlines())
        elif path.suffix in (".txt", ".nnir", ".loop"):
            lines.update(path.read_text().splitlines())
    return "\n".join(sorted(lines)) + "\n"


def line_is_tested(line, expected):
    """Whether a line of `expected` holds it; only lines that hold its longest fixed part are looked at."""
    parts = DIRECTIVE.split(line)
    key = max(parts, key=len)
    pattern = re.compile(".*".join(map(re.escape, parts)))
    at = expected.find(key)
    while at >= 0:
        end = expected.find("\n", at)
        if pattern.search(expected[expected.rfind("\n", 0, at) + 1:end]):
            return True
        at = expected.find(key, end)
    return False


def is_tested(message, expected):
    return all(line_is_tested(line, expected) for line in message.splitlines() if is_message(line))


def main():
    expected = expectations()
    found = sorted(set(messages()))
    missing = [(f, m) for f, m in found if not m.startswith(tuple(UNTESTED.get(f, ()))) and not is_tested(m, expected)]
    for f, m in missing:
        print(f"{f}: no test expects: {m!r}")
    print(f"{len(found)} messages, {len(missing)} in no test")
    return bool(missing) or len(found) < 500


sys.exit(main())
