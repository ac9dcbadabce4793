"""Matrices, Fourier transforms and special functions, as nodes of programs."""

from __future__ import annotations

from typing import Any

import numpy as np
from program_nodes import composite


def _eye(B: Any, n: int) -> Any:
    return B.array(np.diag(np.arange(2.0, n + 2.0)))


def _apart(B: Any, x: Any) -> Any:
    """A matrix far from singular, with eigenvalues and singular values far from each other."""
    return 0.2 * B.np.tanh(x) + _eye(B, x.shape[-1])


def _definite(B: Any, x: Any) -> Any:
    """The same, symmetric and positive definite."""
    a = _apart(B, x)
    return (a + B.np.swapaxes(a, -1, -2)) / 2


def _logarithm(B: Any, x: Any) -> Any:
    w, v = B.np.linalg.eigh(_definite(B, x))
    return (v * B.np.log(w)[..., None, :]) @ B.np.swapaxes(v, -1, -2)


def _lowest(B: Any, x: Any) -> Any:
    """The projector on the first eigenvector, which does not depend on the sign of that."""
    v = B.np.linalg.eigh(_definite(B, x))[1][..., :1]
    return v @ B.np.swapaxes(v, -1, -2)


def _polar(B: Any, x: Any) -> Any:
    u, _, v = B.np.linalg.svd(_apart(B, x), full_matrices=False)
    return u @ v


def _orthogonal(B: Any, x: Any) -> Any:
    q, r = B.np.linalg.qr(_apart(B, x))
    return q * B.np.sign(B.np.diagonal(r, axis1=-2, axis2=-1))[..., None, :]


# Vectors only in what does not depend on their signs.
MATRIX: dict[str, Any] = {
    "cholesky": lambda B, x: B.np.linalg.cholesky(_definite(B, x)),
    "eigh": lambda B, x: B.np.linalg.eigh(_definite(B, x))[0],
    "inv": lambda B, x: B.np.linalg.inv(_apart(B, x)),
    "pinv": lambda B, x: B.np.linalg.pinv(_apart(B, x)),
    "matrix_power": lambda B, x: B.np.linalg.matrix_power(_apart(B, x) / 4, 3),
    "qr": lambda B, x: B.np.abs(B.np.linalg.qr(_apart(B, x))[1]),
    "svdvals": lambda B, x: B.np.linalg.svd(_apart(B, x), compute_uv=False),
    "lu": lambda B, x: B.lax.linalg.lu(_apart(B, x))[0],
    "expm": lambda B, x: B.scipy.linalg.expm(B.np.tanh(x) / 2),
    "logarithm": _logarithm,
    "lowest": _lowest,
    "polar": _polar,
    "orthogonal": _orthogonal,
}
NUMBER: dict[str, Any] = {
    "det": lambda B, x: B.np.linalg.det(_apart(B, x)),
    "logdet": lambda B, x: B.np.linalg.slogdet(_apart(B, x))[1],
    "frobenius": lambda B, x: B.np.linalg.norm(_apart(B, x), axis=(-2, -1)),
    "nuclear": lambda B, x: B.np.linalg.norm(_apart(B, x), "nuc", axis=(-2, -1)),
}
SYSTEM: dict[str, Any] = {
    "solve": lambda B, x, y: B.np.linalg.solve(_apart(B, x), y),
    "triangular": lambda B, x, y: B.lax.linalg.triangular_solve(
        B.np.tril(_apart(B, x)), y, left_side=True, lower=True
    ),
    "cho_solve": lambda B, x, y: B.np.linalg.solve(_definite(B, x), y),
}


@composite
def matrix(B: Any, *xs: Any, name: str) -> Any:
    return (MATRIX | NUMBER | SYSTEM)[name](B, *xs)


@composite
def fourier(B: Any, x: Any, *, name: str, axis: int) -> Any:
    """Real numbers through complex ones."""
    fft = B.np.fft
    if name == "power":
        return B.np.abs(fft.fft(x, axis=axis) + 0.1j) ** 2
    if name == "shifted":
        return B.np.real(fft.ifft(fft.fft(x, axis=axis) * (0.96 + 0.3j), axis=axis))
    if name == "smoothed":
        n = x.shape[axis]
        return fft.irfft(fft.rfft(x, axis=axis) * (0.5 + 0.2j), n=n, axis=axis)
    return B.np.imag(fft.fftn(x + 0.5j * x**2))


@composite
def special(B: Any, x: Any, *, name: str, before: tuple[float, ...]) -> Any:
    """A special function; numbers before x are its first arguments."""
    given = [B.array(np.array(v)) if v != int(v) else int(v) for v in before]
    return getattr(B.scipy.special, name)(*given, x)
