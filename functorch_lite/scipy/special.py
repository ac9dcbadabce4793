"""jax.scipy.special's functions: ``functorch_lite.scipy.special``, and a few more of SciPy's.

Values are SciPy's, computed in float64 and rounded once to the dtype; only what is put together of
several of them, such as ``logit`` or ``boxcox``, rounds between them. Every argument that can have
a derivative has one, in both modes and of every order.

>>> import functorch_lite as fl
>>> from functorch_lite.scipy import special
>>> fl.grad(special.gammaln)(1.0)
Array(-0.5772157, dtype=float32)
"""

from __future__ import annotations

from functorch_lite.numpy.reductions import logsumexp
from functorch_lite.scipy.special_combined import (
    beta,
    boxcox,
    boxcox1p,
    comb,
    factorial,
    fresnel,
    gammasgn,
    kl_div,
    log_softmax,
    loggamma,
    logit,
    multigammaln,
    ndtr,
    rel_entr,
    sici,
    softmax,
    wofz,
)
from functorch_lite.scipy.special_functions import (
    betainc,
    betaln,
    binom,
    dawsn,
    digamma,
    entr,
    erf,
    erfc,
    erfcx,
    erfinv,
    exp1,
    expi,
    expit,
    expn,
    gamma,
    gammainc,
    gammaincc,
    gammaln,
    hyp1f1,
    hyp2f1,
    i0,
    i0e,
    i1,
    i1e,
    j0,
    j1,
    k0,
    k0e,
    k1,
    k1e,
    log_ndtr,
    ndtri,
    owens_t,
    poch,
    polygamma,
    spence,
    xlog1py,
    xlogy,
    y0,
    y1,
    zeta,
)
from functorch_lite.scipy.special_orders import bernoulli, bessel_jn, sph_harm_y

__all__ = [
    "bernoulli", "bessel_jn", "beta", "betainc", "betaln", "binom", "boxcox", "boxcox1p", "comb",
    "dawsn", "digamma", "entr", "erf", "erfc", "erfcx", "erfinv", "exp1", "expi", "expit", "expn",
    "factorial", "fresnel", "gamma", "gammainc", "gammaincc", "gammaln", "gammasgn", "hyp1f1",
    "hyp2f1", "i0", "i0e", "i1", "i1e", "j0", "j1", "k0", "k0e", "k1", "k1e", "kl_div", "log_ndtr",
    "log_softmax", "loggamma", "logit", "logsumexp", "multigammaln", "ndtr", "ndtri", "owens_t",
    "poch", "polygamma", "rel_entr", "sici", "softmax", "spence", "sph_harm_y", "wofz", "xlog1py",
    "xlogy", "y0", "y1", "zeta",
]  # fmt: skip
