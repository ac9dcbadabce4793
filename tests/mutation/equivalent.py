"""Mutants that compute the same as the rule they replace, each with the reason why."""

_COMMUTES = "the op is symmetric in its operands: f(x, y) = f(y, x), up to the sign of a zero"
_SYMMETRIC = (
    "eq", "ne", "bitwise_and", "bitwise_or", "bitwise_xor", "add", "mul", "maximum", "minimum",
    "logaddexp", "hypot",
)  # fmt: skip
_REDUCTIONS = ("reduce_sum", "reduce_prod", "reduce_max", "reduce_min", "reduce_and", "reduce_or")
_AXES_ARE_A_SET = (
    "the axes name a set: the result keeps the other axes in their order, whichever way the "
    "reduced or flipped ones are listed"
)
_AXES_OF_RESULT = (
    "the shape rule asks which axes are indexed, not in which order: B + the remaining axes, and "
    "all index arrays have one shape B"
)
_SCANS = ("cumsum", "cumprod", "cummax", "cummin", "cumlogsumexp")

EQUIVALENT: dict[str, str] = {
    **{
        f"{name}.{slot}: operands 0 and 1 swapped": _COMMUTES
        for name in _SYMMETRIC
        for slot in ("batch", "eager")
    },
    **{
        f"add.{slot}: rules 0 and 1 swapped": "both rules are the identity, d(x + y) = dx + dy"
        for slot in ("jvp", "vjp")
    },
    **{
        f"clamp.{slot}: operands 0 and 1 swapped": (
            "clamp is min(max(lo, x), hi), and max is symmetric in lo and x"
        )
        for slot in ("batch", "eager")
    },
    **{
        f"clamp.{slot}: operand lo, need 2, ans for hi": (
            "the rule asks lo <= hi; ans = min(max(lo, x), hi) and max(lo, x) >= lo, so that "
            "lo <= ans exactly when lo <= hi"
        )
        for slot in ("jvp", "vjp")
    },
    **{
        f"clamp.{slot}: operand x, need 2, ans for hi": (
            "the rule asks x <= hi; ans = min(max(lo, x), hi) and max(lo, x) >= x, so that "
            "x <= ans exactly when x <= hi"
        )
        for slot in ("jvp", "vjp")
    },
    **{
        f"clamp.{slot}: operand hi, need 2, ans for hi": (
            "the rule asks max(lo, x) > hi; ans = min(max(lo, x), hi) is below max(lo, x) exactly "
            "when hi is"
        )
        for slot in ("jvp", "vjp")
    },
    "flip.jvp: param axes reversed": _AXES_ARE_A_SET,
    "flip.vjp: operand x, need 0, axes reversed": _AXES_ARE_A_SET,
    **{f"flip.{slot}: param axes reversed": _AXES_ARE_A_SET for slot in ("batch", "aval", "eager")},
    **{
        f"{name}.{slot}: param axes reversed": _AXES_ARE_A_SET
        for name in _REDUCTIONS
        for slot in ("batch", "aval", "eager")
    },
    "reduce_sum.jvp: operand x, need 0, axes reversed": _AXES_ARE_A_SET,
    "reduce_sum.vjp: operand x, need 1, axes reversed": _AXES_ARE_A_SET,
    **{
        f"reduce_prod.{slot}: operand x, need 1, axes reversed": (
            "the product of the other elements along the axes does not depend on the order in "
            "which the axes are joined into rows"
        )
        for slot in ("jvp", "vjp")
    },
    **{
        f"reduce_{name}.{slot}: operand x, need 2, axes reversed": _AXES_ARE_A_SET
        for name in ("max", "min")
        for slot in ("jvp", "vjp")
    },
    "optimization_barrier.jvp: operands 0 and 1 swapped": (
        "the barrier is linear: its tangent does not look at the operands"
    ),
    **{
        f"dot_general.vjp: operand {name}, need 1, shape reversed": (
            "the rule needs the operand's rank alone, and a shape reversed has the same length"
        )
        for name in ("x", "y")
    },
    **{
        f"{name}.aval: param axes reversed": _AXES_OF_RESULT
        for name in (
            "gather", "scatter", "scatter_add", "scatter_mul", "scatter_min", "scatter_max",
        )
    },
    **{
        f"{name}.aval: param reverse flipped": (
            "the running result has the operand's shape and dtype in either direction"
        )
        for name in _SCANS
    },
}  # fmt: skip
