"""Spectra of the pieces of a signal, and back: ``torch.stft`` and ``torch.istft``."""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np

from functorch_lite.torch._core.public import FUNCTIONS, public
from functorch_lite.torch._core.tensor import Tensor
from functorch_lite.torch._ops.copying import cast
from functorch_lite.torch._ops.fourier import c2c, c2r, r2c
from functorch_lite.torch.nn._functional.padding import pad

__all__ = ["istft", "stft"]

_NO_WINDOW = (
    "A window was not provided. A rectangular window will be applied,{}To suppress this warning "
    "and use a rectangular window, explicitly set `window=torch.ones(n_fft, device=<device>)`."
)


def _zeros_around(t: Tensor, before: int, after: int) -> Tensor:
    """A tensor with zeros at both ends of its last dimension."""
    if not before and not after:
        return t
    return pad(t, (before, after))


def _framed(window: Tensor | None, like: Tensor, win_length: int, n_fft: int) -> Tensor:
    """The window, in the middle of as many numbers as a piece has."""
    if window is None:
        window = FUNCTIONS["ones"](win_length, dtype=like.dtype)
    before = (n_fft - win_length) // 2
    return _zeros_around(window, before, n_fft - win_length - before)


def _is_complex(t: Tensor | None) -> bool:
    return t is not None and t.dtype.kind == 3


# -------------------------------------------------------------------------------------------- stft
@public("stft")
def stft(
    input: Tensor,
    n_fft: int,
    hop_length: int | None = None,
    win_length: int | None = None,
    window: Tensor | None = None,
    center: bool = True,
    pad_mode: str = "reflect",
    normalized: bool = False,
    onesided: bool | None = None,
    return_complex: bool | None = None,
    align_to_window: bool | None = None,
) -> Tensor:
    """Spectra of pieces of a signal, which overlap.

    Args:
        input: [batch, n] or [n].
        n_fft: size of a piece.
        hop_length: from one piece to the next; a quarter of a piece by default.
        win_length: size of the window, which stands in the middle of a piece.
        window: [win_length]; ones by default.
        center: whether the first piece has the first number in its middle.
        pad_mode: how the signal goes on beyond its ends then.
        normalized: whether to divide by sqrt(n_fft).
        onesided: whether only frequencies that are not negative are kept; so for real signals.
        return_complex: whether the result is complex.
        align_to_window: whether the first window, not the first piece, begins with the signal.

    Returns:
        [batch, frequencies, pieces], with a last dimension of 2 if it is not complex.

    Raises:
        RuntimeError: an argument does not fit.

    Source: ``torch.stft``.
    """
    if center:
        if align_to_window is not None:
            raise RuntimeError("stft align_to_window should only be set when center = false")
        input = _continued(input, n_fft // 2, pad_mode)
    hop = n_fft // 4 if hop_length is None else hop_length
    size = n_fft if win_length is None else win_length

    def refuse(why: str) -> RuntimeError:
        return RuntimeError(
            f"stft(torch.{input.dtype.scalar_name}Tensor{list(input.shape)}, n_fft={n_fft}, "
            f"hop_length={hop}, win_length={size}, window={_shown(window)}, "
            f"normalized={int(normalized)}, onesided={_flag(onesided)}, "
            f"return_complex={_flag(return_complex)}, "
            f"align_to_window={_flag(align_to_window)}) : {why}"
        )

    if window is None and n_fft > 0:
        text = (
            "which is known to cause spectral leakage. Other windows such as torch.hann_window or "
            "torch.hamming_window are recommended to reduce spectral leakage."
        )
        warnings.warn(_NO_WINDOW.format(text), UserWarning, stacklevel=3)
    is_complex = _is_complex(input) or _is_complex(window)
    _check_kind(is_complex, return_complex)
    if input.dtype.kind < 2:
        raise refuse("expected a tensor of floating point or complex values")
    ndim = input._np.ndim
    if ndim not in (1, 2):
        raise refuse("expected a 1D or 2D tensor")
    rows = input if ndim == 2 else input.unsqueeze(0)
    length = rows._np.shape[1]
    if not 0 < n_fft <= length:
        raise refuse(f"expected 0 < n_fft < {length}, but got n_fft={n_fft}")
    if hop <= 0:
        raise refuse(f"expected hop_length > 0, but got hop_length={hop}")
    if not 0 < size <= n_fft:
        raise refuse(f"expected 0 < win_length <= n_fft, but got win_length={size}")
    if window is not None and window._np.shape != (size,):
        raise refuse(
            f"expected a 1D window tensor of size equal to win_length={size}, but got window with "
            f"size {list(window.shape)}"
        )
    if align_to_window:
        before = (n_fft - size) // 2
        rows = _zeros_around(rows, before, n_fft - size - before)
    pieces = rows.unfold(1, n_fft, hop)
    if window is not None or size < n_fft:
        pieces = pieces * _framed(window, input, size, n_fft)
    scale = 1.0 / math.sqrt(n_fft) if normalized else 1.0
    half = not is_complex if onesided is None else onesided
    if half and is_complex:
        raise RuntimeError("Cannot have onesided output if window or input is complex")
    if is_complex:
        found = c2c(cast(pieces, pieces.dtype.to_complex()), (2,), True, scale)
    else:
        found = r2c(pieces, (2,), scale, half)
    found = found.transpose(1, 2)
    found = found if ndim == 2 else found.squeeze(0)
    if is_complex if return_complex is None else return_complex:
        return found
    parts: Tensor = FUNCTIONS["view_as_real"](found)
    return parts


def _continued(input: Tensor, by: int, mode: str) -> Tensor:
    """A signal that goes on beyond its ends."""
    shape = input._np.shape
    extended = input.reshape((*(1,) * (3 - len(shape)), *shape))
    made = pad(extended, (by, by), mode)
    return made.reshape((*shape[:-1], made._np.shape[-1]))


def _shown(window: Tensor | None) -> str:
    """A window as messages name it."""
    if window is None:
        return "None"
    return f"torch.{window.dtype.scalar_name}Tensor{{{list(window.shape)}}}"


def _flag(value: bool | None) -> Any:
    return "None" if value is None else int(value)


def _check_kind(is_complex: bool, return_complex: bool | None) -> None:
    if return_complex is None and not is_complex:
        raise RuntimeError(
            "stft requires the return_complex parameter be given for real inputs, and will further "
            "require that return_complex=True in a future PyTorch release."
        )
    if return_complex is False:
        warnings.warn(
            "stft with return_complex=False is deprecated. In a future pytorch release, stft will "
            "return complex tensors for all inputs, and return_complex=False will raise an "
            "error.\nNote: you can still call torch.view_as_real on the complex output to recover "
            "the old return format.",
            UserWarning,
            stacklevel=4,
        )


# ------------------------------------------------------------------------------------------- istft
@public("istft")
def istft(
    input: Tensor,
    n_fft: int,
    hop_length: int | None = None,
    win_length: int | None = None,
    window: Tensor | None = None,
    center: bool = True,
    normalized: bool = False,
    onesided: bool | None = None,
    length: int | None = None,
    return_complex: bool = False,
) -> Tensor:
    """The signal whose pieces have some spectra; the inverse of ``stft``.

    Args:
        input: [batch, frequencies, pieces] or [frequencies, pieces], complex.
        length: how much of the signal is wanted.

    Returns:
        [batch, n]. The other arguments are those of ``stft``.

    Raises:
        RuntimeError: an argument does not fit, or the windows leave a gap.

    Source: ``torch.istft``.
    """
    hop = n_fft // 4 if hop_length is None else hop_length
    size = n_fft if win_length is None else win_length

    def refuse(why: str, colon: str = " :") -> RuntimeError:
        return RuntimeError(
            f"istft(CPU{input.dtype.scalar_name}Type{list(input.shape)}, n_fft={n_fft}, "
            f"hop_length={hop}, win_length={size}, window={_shown(window)}, center={int(center)}, "
            f"normalized={int(normalized)}, onesided={_flag(onesided)}, "
            f"length={length}, return_complex={int(return_complex)}){colon} {why}"
        )

    if window is None:
        text = "Please provide the same window used by stft to make the inversion lossless."
        warnings.warn(_NO_WINDOW.format(text).replace("applied,", "applied."), stacklevel=3)
    half = _check_spectra(input, n_fft, hop, size, window, onesided, return_complex, refuse)
    ndim = input._np.ndim
    spectra: Any = (input if ndim == 3 else input.unsqueeze(0)).transpose(1, 2)
    count = spectra._np.shape[1]
    scale = 1.0 / math.sqrt(n_fft) if normalized else 1.0 / n_fft
    if return_complex:
        pieces: Any = c2c(spectra, (2,), False, scale)
    else:
        kept = spectra if half else spectra[..., : n_fft // 2 + 1]
        pieces = c2r(kept, (2,), n_fft, scale)
    framed = _framed(window, pieces, size, n_fft)
    total = n_fft + hop * (count - 1)
    signal: Any = _overlapped(pieces * framed, hop, total)
    weights: Any = _overlapped(framed.pow(2).expand(1, count, n_fft), hop, total)
    start = n_fft // 2 if center else 0
    if length is not None:
        end = start + length
    else:
        end = total - n_fft // 2 if center else total
    signal, weights = signal[:, start:end], weights[:, start:end]
    low = np.abs(weights._np).min(initial=np.inf)
    if not low > 1e-11:
        raise refuse("window overlap add min: 1", "")
    found = signal / weights
    if end > total:
        warnings.warn(
            "The length of signal is shorter than the length parameter. Result is being padded "
            "with zeros in the tail. Please check your center and hop_length settings.",
            UserWarning,
            stacklevel=3,
        )
        found = _zeros_around(found, 0, end - total)
    return found if ndim == 3 else found.squeeze(0)


def _check_spectra(
    input: Tensor, n_fft: int, hop: int, size: int, window: Tensor | None, onesided: bool | None,
    return_complex: bool, refuse: Any,
) -> bool:  # fmt: skip
    """Whether the spectra are halves.

    Raises:
        RuntimeError: an argument does not fit.
    """
    if input.dtype.kind != 3:
        raise RuntimeError(
            "istft requires a complex-valued input tensor matching the output from stft with "
            "return_complex=True."
        )
    shape = input._np.shape
    if not input._np.size:
        raise refuse("input tensor cannot be empty.")
    if len(shape) not in (2, 3):
        raise refuse(f"expected a tensor with 3 or 4 dimensions, but got {len(shape) + 1}")
    half = shape[-2] != n_fft if onesided is None else onesided
    if half and shape[-2] != n_fft // 2 + 1:
        raise refuse(
            "expected the frequency dimension (3rd to the last) of the input tensor to match "
            f"n_fft / 2 + 1 when onesided=True, but got {shape[-2]}"
        )
    if not half and shape[-2] != n_fft:
        raise refuse(
            "expected the frequency dimension (3rd to the last) of the input tensor to match "
            f"n_fft when onesided=False, but got {shape[-2]}"
        )
    if not 0 < hop <= size:
        raise refuse("expected 0 < hop_length <= win_length")
    if not 0 < size <= n_fft:
        raise refuse("expected 0 < win_length <= n_fft")
    if window is not None and window._np.shape != (size,):
        raise refuse("Invalid window shape. window has to be 1D and length of `win_length`")
    if return_complex and half:
        raise RuntimeError("Cannot have onesided output if window or input is complex")
    if not return_complex and _is_complex(window):
        raise RuntimeError("Complex windows are incompatible with return_complex=False")
    return half


def _overlapped(pieces: Tensor, hop: int, total: int) -> Tensor:
    """The sum of pieces [batch, count, n], each ``hop`` after the one before."""
    batch, count, n = pieces._np.shape
    places = np.arange(count)[:, None] * hop + np.arange(n)
    at: Tensor = FUNCTIONS["from_numpy"](places.reshape(-1))
    return pieces.new_zeros((batch, total)).index_add(1, at, pieces.reshape(batch, count * n))
