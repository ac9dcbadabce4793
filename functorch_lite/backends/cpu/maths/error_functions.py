"""erf, erfc and erfinv.

Method of erf: below 1, ``x + x*P(x**2)``; above, ``1 - 2**-q(x)`` where the polynomial q is
``-log2(erfc(x))``, which is nearly a parabola. The coefficients are minimax fits (Remez exchange in
60 digits) relative to erf.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from functorch_lite.backends.cpu.maths.builder import Builder, Value
from functorch_lite.backends.cpu.maths.exponential import exp2_reduced, exp_in_parts
from functorch_lite.backends.cpu.maths.logarithm import log_inside
from functorch_lite.backends.cpu.maths.parts import (
    horner,
    layout,
    minimum,
    pick,
    power_of_two,
    scale_by_power,
)

# erf(x)/x - 1 as a polynomial in x**2, for abs(x) <= 1.
_SMALL = (
    (
        0.12837916612625122,
        -0.3761262595653534,
        0.11283578723669052,
        -0.026853347197175026,
        0.005187162198126316,
        -0.0007997853099368513,
        7.806903158780187e-05,
    ),
    (
        0.12837916709551256,
        -0.3761263890318352,
        0.11283791670944213,
        -0.026866170643114792,
        0.005223977606139951,
        -0.0008548325930162423,
        0.000120552935984298,
        -1.4924712660934566e-05,
        1.6447135479746482e-06,
        -1.6206340531736723e-07,
        1.371108512596973e-08,
        -7.779646913161599e-10,
    ),
)
# -log2(erfc(x)) from 1 to 3.95 in x, and from 1 to 5.95 in x - 1.
_LARGE = (
    (
        0.0037785477470606565,
        1.6123870611190796,
        0.9438683986663818,
        0.12811118364334106,
        -0.021397888660430908,
        0.0016695200465619564,
    ),
    (
        2.6684166967815997,
        3.8072253458535883,
        1.2163466576871065,
        0.05995999001698319,
        -0.014475749850081772,
        0.002853508411953135,
        -0.0003423757659345735,
        -3.793622111626164e-05,
        3.923733100226813e-05,
        -1.3949555622066563e-05,
        3.0725642230011896e-06,
        -2.9323554880840877e-07,
        -8.485338240180822e-08,
        4.8605168330023615e-08,
        -1.2402363132833191e-08,
        1.922433414114501e-09,
        -1.7413355897326957e-10,
        7.109808191403943e-12,
    ),
)
# exp(x**2) * erfc(x) * (1 + 2*x) from 0.55 on, a polynomial in (x - k) / (x + k), k = 2 and 4;
# fitted by least squares at Chebyshev points.
_SCALED = (
    (
        1.2769783735275269,
        -0.09276365488767624,
        -0.16602982580661774,
        0.16404469311237335,
        -0.05422661080956459,
        -0.007963571697473526,
        0.008735168725252151,
        0.0009794792858883739,
        -0.0013828602386638522,
    ),
    (
        1.2329951186255526,
        -0.1396211168405625,
        0.015379652102613401,
        0.06809705425469005,
        -0.10103906603604101,
        0.09373283499847355,
        -0.0663303658172998,
        0.03716751553485958,
        -0.016197734003001785,
        0.00503197000827526,
        -0.0007577736512700365,
        -0.00019925690569382764,
        0.00015062322516811667,
        -2.4398275625245246e-05,
        -1.1226394466798609e-05,
        5.7069975328313075e-06,
        3.018797334381898e-07,
        -8.202185019718581e-07,
        6.520838134476425e-08,
        1.0381762655022283e-07,
        -1.1614898966003022e-08,
        -9.842103465058582e-09,
    ),
)
_CUT = 0.84375
# erfinv(x) / x - 1 up to _CUT, a rational function of _CUT**2 - x**2.
_CENTRE_TOP = (
    (
        0.18818840543830426,
        0.06328371535535524,
        -1.4990672022049654,
        -1.239158893176808,
        -0.03299115758415958,
    ),
    (
        0.18818840962849173,
        1.0630192304735533,
        0.2556393447598357,
        -8.24647627458116,
        -17.739576915354895,
        -13.322431750569516,
        -3.529378134335736,
        -0.221702500176084,
        0.0,
    ),
)
_CENTRE_BELOW = (
    (
        1.0,
        4.9382148119138245,
        6.609708360303691,
        2.124510744319154,
    ),
    (
        1.0,
        10.250640436534722,
        40.380991568368074,
        77.01295990082743,
        73.73659557530532,
        33.348352073943296,
        5.96701729724033,
        0.26666874020637854,
        0.0,
    ),
)
# erfinv(x) / r - 0.875 from there on, a rational function of r - 1.359375, r = sqrt(-log(1 - x)).
_TAIL_TOP = (
    (
        -0.13984322389449397,
        0.0540105946499351,
        0.05740733627477826,
        0.0065009484290906965,
        0.0,
    ),
    (
        -0.13984322917076342,
        -0.273956993236862,
        -0.07389542170383594,
        0.15591784993643681,
        0.14586591319451578,
        0.049738568821008855,
        0.007346482625563008,
        0.00043833407790040094,
        7.722983790615954e-06,
    ),
)
_TAIL_BELOW = (
    (
        1.0,
        1.1682310524008126,
        0.47035866143207755,
        0.0518410530383808,
    ),
    (
        1.0,
        3.5134860879735386,
        5.0548415570953695,
        3.9168478065144474,
        1.7556653024466482,
        0.44961600402227553,
        0.06011888350391088,
        0.003509010825583512,
        6.177524548934006e-05,
    ),
)


def _erf_near(b: Builder, size: Value) -> Value:
    """erf up to 1."""
    square = b.mul(size, size)
    return b.fma(size, horner(b, square, _SMALL[layout(b, size).index]), size)


def erf(b: Builder, x: Value) -> Value:
    """The error function, 2/sqrt(pi) times the integral of exp(-t**2) from 0 to x."""
    kind = layout(b, x)
    size = b.abs(x)
    one = b.const(x, 1.0)
    far = minimum(b, size, pick(b, x, (3.95, 5.95)))  # past these erf rounds to 1
    if kind.index == 1:
        far = b.sub(far, one)
    q = horner(b, far, _LARGE[kind.index])
    magic = b.const(x, kind.magic)
    shifted = b.sub(magic, q)
    r = b.neg(b.add(q, b.sub(shifted, magic)))
    far = b.sub(one, b.mul(exp2_reduced(b, r), power_of_two(b, shifted)))
    return b.copysign(b.select(b.lt(size, one), _erf_near(b, size), far), x)


def erfc(b: Builder, x: Value) -> Value:
    """``1 - erf(x)``, accurate for large x.

    From 0.6 on, ``exp(-x**2)``, with x**2 in two floats, times a function that stays between 1 and
    1.3 after multiplication with ``1 + 2*x``.
    """
    index = layout(b, x).index
    one = b.const(x, 1.0)
    size = minimum(b, b.abs(x), pick(b, x, (10.1, 27.3)))  # past these the answer is 0
    k = pick(b, x, (2.0, 4.0))
    t = b.div(b.sub(size, k), b.add(size, k))
    factor = b.div(horner(b, t, _SCALED[index]), b.fma(size, b.const(x, 2.0), one))
    square = b.mul(size, size)
    rest = b.fma(size, size, b.neg(square))
    e, shifted = exp_in_parts(b, b.neg(square), b.neg(rest))
    answer = scale_by_power(b, b.fma(e, factor, factor), shifted)
    near = b.sub(one, _erf_near(b, size))
    answer = b.select(b.lt(size, b.const(x, 0.6)), near, answer)
    return b.select(b.lt(x, b.const(x, 0.0)), b.sub(b.const(x, 2.0), answer), answer)


def _either_horner(
    b: Builder, first: Value, x: Value, ours: Sequence[float], theirs: Sequence[float]
) -> Value:
    """One of two polynomials of one degree, the first where ``first`` holds."""
    pairs = [
        b.select(first, b.const(x, p), b.const(x, q)) for p, q in zip(ours, theirs, strict=True)
    ]
    total = pairs[-1]
    for coefficient in reversed(pairs[:-1]):
        total = b.fma(total, x, coefficient)
    return total


def erfinv(b: Builder, x: Value) -> Value:
    """The inverse of `erf`: infinite at 1 and -1, NaN outside.

    Near the centre x, in the tails the root of ``-log(1 - abs(x))``, times a number that is nearly
    constant and comes from a rational function, fitted by least squares with weights moved towards
    the largest errors (Lawson).
    """
    index = layout(b, x).index
    one = b.const(x, 1.0)
    size = b.abs(x)
    centre = b.lt(size, b.const(x, _CUT))
    root = b.sqrt(b.neg(log_inside(b, b.sub(one, size))))
    base = b.select(centre, size, root)
    v = b.select(
        centre,
        b.fma(b.neg(size), size, b.const(x, _CUT * _CUT)),
        b.sub(root, b.const(x, 1.359375)),
    )
    top = _either_horner(b, centre, v, _CENTRE_TOP[index], _TAIL_TOP[index])
    below = _either_horner(b, centre, v, _CENTRE_BELOW[index], _TAIL_BELOW[index])
    constant = b.select(centre, one, b.const(x, 0.875))
    answer = b.fma(base, b.div(top, below), b.mul(base, constant))
    outside = b.select(b.eq(size, one), b.const(x, math.inf), b.const(x, math.nan))
    return b.copysign(b.select(b.lt(size, one), answer, outside), x)
