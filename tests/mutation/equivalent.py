"""Mutants that compute the same as the rule they replace, each with the reason why."""

_COMMUTES = "the op is symmetric in its operands: f(x, y) = f(y, x), up to the sign of a zero"
_SYMMETRIC = (
    "eq", "ne", "bitwise_and", "bitwise_or", "bitwise_xor", "add", "mul", "maximum", "minimum",
    "logaddexp", "hypot", "gcd", "beta", "betaln", "hyp2f1",
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
_GROUPS_ARE_A_SET = "the groups are a partition, whichever of them is listed first"
_PAIRS_ARE_A_SET = "the pairs are arrows, whichever of them is listed first"
_SCALAR = "the result is a scalar, which has no axes to change"
_STACKS = (
    "det", "cofactor", "slogdet", "cholesky", "lu", "qr", "expm", "sqrtm", "polar", "schur",
    "hessenberg", "column_order", "eigh", "svd", "eig", "tridiagonal", "inv", "lu_order",
)  # fmt: skip
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
    **{
        f"{name}.{slot}": _GROUPS_ARE_A_SET
        for name in ("psum", "all_gather", "all_to_all")
        for slot in (
            "jvp: param groups reversed", "vjp: operand x, need 2, groups reversed",
            "batch: param groups reversed", "batch_with: param groups reversed",
        )
    },
    **{
        f"{name}.batch: args and params as they come": (
            "the op takes stacks of matrices with any leading axes, of which a mapped one is one"
        )
        for name in _STACKS
    },
    **{
        f"triangular_solve.aval: param {name} flipped": (
            "the shapes ask on which side the triangle stands, not which one it is"
        )
        for name in ("lower", "transpose_a", "conjugate_a", "unit_diagonal")
    },
    **{
        f"{name}.{slot} {words}": "a tolerance decides about the rank, which has no derivative"
        for name in ("pinv", "pinv_svdvals")
        for slot, many in (
            ("jvp: tangent 1", ("dropped", "negated", "doubled")),
            ("vjp: cotangent of operand 1", ("dropped", "negated", "doubled")),
        )
        for words in many
    },
    **{
        f"{name}.batch: operand 1, first row for all": (
            "the samples have one tolerance, as there is no derivative where another one would "
            "lower the rank; test_linalg_transforms.py in tests/linalg maps over several"
        )
        for name in ("pinv", "pinv_svdvals")
    },
    "psum.aval: param groups reversed": _GROUPS_ARE_A_SET,
    **{
        f"ppermute.{slot}": _PAIRS_ARE_A_SET
        for slot in (
            "jvp: param perm reversed", "vjp: operand x, need 2, perm reversed",
            "batch: param perm reversed", "batch_with: param perm reversed",
            "aval: param perm reversed",
        )
    },
    **{
        f"{name}.batch: args and params as they come": (
            "the op treats all axes of its operand alike, so that one more needs no change"
        )
        for name in ("psum", "ppermute")
    },
    **{
        f"axis_index.aval: {what}": _SCALAR
        for what in ("first size plus one", "last axis dropped", "axes reversed")
    },
    **{
        f"axis_index.aval: param axis_size {what} one": "a position is a scalar, of how many ever"
        for what in ("plus", "minus")
    },
    **{
        f"custom_call.{slot}: param n_consts {words}": (
            "the graph takes the captured values like all others; only derivatives tell them apart"
        )
        for slot in ("aval", "eager")
        for words in ("plus one", "minus one")
    },
    **{
        f"linear_solve.eager: param n_consts {words}": (
            "the program takes the constants like b; only derivatives and batches tell them apart"
        )
        for words in ("plus one", "minus one")
    },
    **{
        f"tridiagonal_solve.{slot}: param perturb_singular flipped": (
            "regular systems have no small pivots; test_tridiagonal.py in tests/lax has others"
        )
        for slot in ("jvp", "vjp", "batch", "aval", "eager")
    },
    "tridiagonal.aval: param lower flipped": "the results have the same types for either half",
    "scan.aval: param reverse flipped": "the results have the same types in either direction",
    **{
        f"checkpoint.{slot}: param prevent_cse flipped": (
            "it says what passes may merge, not what is computed; test_checkpoint.py in "
            "tests/transforms looks at the optimised graphs"
        )
        for slot in ("jvp", "vjp", "batch_with", "aval", "eager")
    },
    **{
        f"{name}.aval: param {words}": "the shape does not depend on how often it differentiates"
        for name, param in (("igamma_grad_a", "order"), ("betainc_grad", "orders"))
        for words in (f"{param} plus one", f"{param} minus one")
    },
    "betainc_grad.aval: param orders reversed": "nor on by which shape it differentiates",
    "checkpoint_name.batch: args and params as they come": "a name is one for each example",
    "cond.vjp: param branches reversed": (
        "the pullback has its branches from the forward pass, and asks here only for the types of "
        "the results, which all branches share"
    ),
}  # fmt: skip
