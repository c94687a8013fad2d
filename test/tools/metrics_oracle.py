"""Metrics of every definition in Elixir files, over tree-sitter-elixir's concrete syntax.

A second implementation of a few metrics, written against another parser, to compare the native one with. Reads paths
from standard input, one a line; writes JSON: {path: {"error": bool, "clauses": [[line, column, word, in_quote, error,
credo_cyclomatic, nesting_depth, assignments, branches, conditions], ...]}}. Lines and columns count from 1.
"""

import json
import sys

import tree_sitter_elixir
from tree_sitter import Language, Parser

DEFINITIONS = {"def", "defp", "defmacro", "defmacrop", "defdelegate", "defguard", "defguardp"}
MODULES = {"defmodule", "defprotocol", "defimpl"}
NESTING = {"if", "unless", "case", "cond", "for", "with"}
CREDO_ONE = {"def", "defp", "defmacro", "if", "unless", "for", "try"}
BOOLEAN = {"and", "or", "&&", "||"}
CONDITIONS = {"if", "unless", "for", "try", "case", "cond"}
NO_CALLS = (
    CONDITIONS
    | DEFINITIONS
    | MODULES
    | {"with", "receive", "quote", "unquote", "unquote_splicing", "import", "require", "alias", "use"}
    | {"defstruct", "defexception", "defoverridable", "fn", "and", "or", "not", "in", "when"}
)


def text(node):
    return node.text.decode("utf-8", "replace")


def word(node):
    """The name that a call calls, when it is a bare one."""
    if node.type != "call":
        return None
    target = node.child_by_field_name("target")
    return text(target) if target is not None and target.type == "identifier" else None


def operator(node):
    if node.type not in ("binary_operator", "unary_operator"):
        return None
    return text(node.child_by_field_name("operator"))


def part(node, kind):
    return next((child for child in node.named_children if child.type == kind), None)


def arguments(node):
    found = part(node, "arguments")
    return [child for child in found.named_children if child.type != "comment"] if found else []


def do_value(node):
    """What stands under `do`: the nodes of a block, or the one value of `do:`."""
    block = part(node, "do_block")
    if block is not None:
        ends = ("else_block", "rescue_block", "catch_block", "after_block", "comment")
        return "block", [child for child in block.named_children if child.type not in ends]
    for argument in arguments(node):
        if argument.type in ("keywords", "list"):
            words = argument if argument.type == "keywords" else part(argument, "keywords")
            for pair in words.named_children if words else []:
                if pair.type == "pair" and text(pair.child_by_field_name("key")).strip() == "do:":
                    return "value", [pair.child_by_field_name("value")]
    return None, []


def branches(node):
    """How many clauses Credo sees in a `case` or `cond`."""
    kind, items = do_value(node)
    if kind is None:
        return 0
    if kind == "value" and items[0].type == "block":
        items = [child for child in items[0].named_children if child.type != "comment"]
    elif kind == "value":
        if items[0].type == "nil":
            return 0
        if items[0].type == "list":
            return len(items[0].named_children)
        return 1
    stabs = [item for item in items if item.type == "stab_clause"]
    return len(stabs) if stabs else 1


def walk(node, visit):
    """Calls visit(node, depth) in preorder; what it gives is the depth below, or None to stay out."""
    stack = [(node, 0)]
    while stack:
        node, depth = stack.pop()
        below = visit(node, depth)
        if below is not None:
            stack.extend((child, below) for child in reversed(node.children))


def credo_cyclomatic(definition):
    total = 0

    def visit(node, _depth):
        nonlocal total
        name = word(node)
        if name in CREDO_ONE or (node.type == "binary_operator" and operator(node) in BOOLEAN):
            total += 1
        elif name in ("case", "cond"):
            total += branches(node)
        return 0

    walk(definition, visit)
    return total


def head_of(definition):
    found = arguments(definition)
    if not found:
        return None
    head = found[0]
    return head.child_by_field_name("left") if operator(head) == "when" else head


def nesting_depth(definition):
    deepest = 0
    head = head_of(definition)

    def visit(node, depth):
        nonlocal deepest
        name = word(node)
        if name in MODULES:
            return None
        if node != head and (name in NESTING or node.type == "anonymous_function"):
            depth += 1
            deepest = max(deepest, depth)
        return depth

    walk(definition, visit)
    return deepest


def is_capture_of(node):
    """The `A.f` of `&A.f/1`."""
    above = node.parent
    if operator(above) != "/" or above.child_by_field_name("left") != node:
        return False
    return above.parent is not None and operator(above.parent) == "&"


def is_remote_call(node):
    """`A.f`, `x.f()`, `f.(x)`; not the field `x.f`."""
    target = node.child_by_field_name("target")
    if target.type != "dot":
        return True
    if is_capture_of(node):
        return False
    left, right = target.child_by_field_name("left"), target.child_by_field_name("right")
    return (
        right is None
        or part(node, "arguments") is not None
        or part(node, "do_block") is not None
        or left.type in ("alias", "atom", "quoted_atom")
        or (left.type == "dot" and left.child_by_field_name("right").type == "alias")
    )


def abc(definition):
    a = b = c = 0
    found = arguments(definition)
    parts = found[1:] + [child for child in definition.named_children if child.type == "do_block"]

    def visit(node, quiet):
        nonlocal a, b, c
        name, sign = word(node), operator(node)
        if name in MODULES:
            return None
        if node.type == "unary_operator" and sign == "@":
            a += 1
            return None
        if node.type == "binary_operator" and sign == "=":
            a += 1
        elif node.type == "stab_clause":
            b += 1
        elif name in CONDITIONS or (node.type == "binary_operator" and sign in BOOLEAN):
            c += 1
        elif node.type == "access_call" and not quiet:
            b += 1
        elif node.type == "call" and not quiet:
            b += name not in NO_CALLS if name is not None else is_remote_call(node)
        return quiet

    # What stands on the right of `::` says how a segment is read; nothing there is called.
    def enter(node, quiet):
        above = node.parent
        if above is not None and operator(above) == "::" and above.child_by_field_name("right") == node:
            quiet = 1
        return visit(node, quiet)

    for one in parts:
        walk(one, enter)
    return a, b, c


def definitions(root):
    found = []

    def visit(node, in_quote):
        name = word(node)
        if name in DEFINITIONS and arguments(node):
            found.append((node, name, bool(in_quote)))
        return 1 if in_quote or name == "quote" else 0

    walk(root, visit)
    return found


def main():
    parser = Parser(Language(tree_sitter_elixir.language()))
    answer = {}
    for path in sys.stdin.read().splitlines():
        with open(path, "rb") as file:
            source = file.read()
        tree = parser.parse(source)
        clauses = []
        for node, name, in_quote in definitions(tree.root_node):
            row, column = node.start_point
            figures = [credo_cyclomatic(node), nesting_depth(node), *abc(node)]
            clauses.append([row + 1, column + 1, name, in_quote, node.has_error, *figures])
        answer[path] = {"error": tree.root_node.has_error, "clauses": clauses}
    json.dump(answer, sys.stdout)


if __name__ == "__main__":
    main()
