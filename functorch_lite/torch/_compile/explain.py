"""What ``torch._dynamo.explain`` says of a call."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

from functorch_lite.torch._compile.compiled import Compiled

__all__ = ["ExplainOutput", "GraphCompileReason", "explain"]


@dataclasses.dataclass
class GraphCompileReason:
    """Why a call runs eagerly. Source: ``torch._dynamo.output_graph.GraphCompileReason``.

    Attributes:
        reason: in words, with the line.
        graph_break: True.
    """

    reason: str
    graph_break: bool = True


@dataclasses.dataclass
class ExplainOutput:
    """What became of a call.

    Attributes:
        graphs: the programs.
        graph_count: how many there are.
        graph_break_count: how often something was in the way; the call runs eagerly then.
        break_reasons: what was.
        op_count: operations of all graphs.
        ops_per_graph: their names.

    Source: ``torch._dynamo.backends.debugging.ExplainOutput``.
    """

    graphs: list[Any]
    graph_count: int
    graph_break_count: int
    break_reasons: list[GraphCompileReason]
    op_count: int
    ops_per_graph: list[list[str]]

    def __str__(self) -> str:
        lines = [
            f"Graph Count: {self.graph_count}",
            f"Graph Break Count: {self.graph_break_count}",
            f"Op Count: {self.op_count}",
            "Break Reasons:",
        ]
        for i, each in enumerate(self.break_reasons, 1):
            lines += [f"  Break Reason {i}:", f"    Reason: {each.reason}"]
        lines.append("Ops per Graph:")
        for i, names in enumerate(self.ops_per_graph, 1):
            lines += [f"  Ops {i}:", *[f"    {name}" for name in names]]
        return "\n".join(lines) + "\n"


GraphCompileReason.__module__ = "torch._dynamo.output_graph"
ExplainOutput.__module__ = "torch._dynamo.backends.debugging"


def explain(f: Callable[..., Any], *extra_args: Any, **extra_kwargs: Any) -> Any:
    """A function that calls ``f`` compiled and says what became of that.

    Args:
        f: a function or module.

    Returns:
        ``inner(*args, **kwargs)``, which returns an ``ExplainOutput``.

    >>> import functorch_lite.torch as torch
    >>> found = explain(lambda x: x * 2 if x.sum() > 0 else x)(torch.ones(2))
    >>> found.graph_count, found.graph_break_count
    (0, 1)

    Source: ``torch._dynamo.explain``.
    """

    def inner(*args: Any, **kwargs: Any) -> ExplainOutput:
        compiled = Compiled(f, False)
        compiled(*args, **kwargs)
        graphs = [k.entry.program.forward for k in compiled.kinds.values() if k.entry is not None]
        names = [[eqn.op.name for eqn in graph.eqns] for graph in graphs]
        reasons = [GraphCompileReason(reason) for reason in compiled.reasons]
        return ExplainOutput(
            graphs, len(graphs), len(reasons), reasons, sum(map(len, names)), names
        )

    return inner(*extra_args, **extra_kwargs) if extra_args or extra_kwargs else inner
