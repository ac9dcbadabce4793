"""Windows, ``stft`` and ``istft`` beside PyTorch's."""

import warnings

import numpy as np
import pytest
from complex_checks import agree
from oracle import compare, ours, real, same

OLD = ["hann_window", "hamming_window", "blackman_window", "bartlett_window", "kaiser_window"]
NEW = list(real.signal.windows.__all__)
LENGTHS = [0, 1, 2, 5, 8, 33]


def test_names():
    assert set(real.signal.windows.__all__) == set(ours.signal.windows.__all__)


@pytest.mark.parametrize("name", OLD)
def test_windows_of_torch(name):
    for n in LENGTHS:
        for periodic in (True, False):
            for dtype in ("float32", "float64"):
                compare(
                    lambda T, n=n, p=periodic, d=dtype: getattr(T, name)(n, p, dtype=getattr(T, d)),
                    grads=False,
                )
    for dtype in ("float16", "bfloat16"):
        compare(lambda T, d=dtype: getattr(T, name)(7, dtype=getattr(T, d)), grads=False)
    assert [getattr(ours, name)(n, device="meta").device.type for n in (1, 7)] == ["meta"] * 2


def test_parameters_of_windows():
    for f in (
        lambda T: T.hamming_window(6, True, 0.5),
        lambda T: T.hamming_window(6, False, 0.5, 0.3),
        lambda T: T.kaiser_window(6, True, 3.0),
        lambda T: T.kaiser_window(6, True, beta=20.0, dtype=T.float64),
        lambda T: T.hann_window(4, requires_grad=True),
        lambda T: T.signal.windows.exponential(5, tau=2.5),
        lambda T: T.signal.windows.exponential(5, center=1.0, sym=False),
        lambda T: T.signal.windows.gaussian(6, std=0.7),
        lambda T: T.signal.windows.kaiser(6, beta=2.0),
        lambda T: T.signal.windows.general_cosine(7, a=[0.4, 0.3, 0.2, 0.1]),
        lambda T: T.signal.windows.general_hamming(7, alpha=0.7),
        lambda T: T.signal.windows.nuttall(4, requires_grad=True),
    ):
        compare(f, grads=False)


@pytest.mark.parametrize("name", NEW)
def test_windows_of_signal(name):
    given = {"a": [0.42, 0.5, 0.08]} if name == "general_cosine" else {}
    for n in LENGTHS:
        for sym in (True, False):
            for dtype in ("float32", "float64"):
                compare(
                    lambda T, n=n, sym=sym, d=dtype: getattr(T.signal.windows, name)(
                        n, sym=sym, dtype=getattr(T, d), **given
                    ),
                    grads=False,
                )


@pytest.mark.parametrize(
    "call",
    [
        lambda T: T.hann_window(-1),
        lambda T: T.hann_window(2.5),
        lambda T: T.hann_window(4, dtype=T.int64),
        lambda T: T.hann_window(4, dtype=T.complex64),
        lambda T: T.kaiser_window(4, device="cuda"),
        lambda T: T.hann_window(1, device="cuda"),
        lambda T: T.signal.windows.kaiser(4, device="cuda"),
        lambda T: T.signal.windows.hann(4, device="cuda"),
        lambda T: T.signal.windows.hann(-1),
        lambda T: T.signal.windows.hann(4, dtype=T.float16),
        lambda T: T.signal.windows.hann(3, layout=T.sparse_coo),
        lambda T: T.signal.windows.exponential(5, tau=-1),
        lambda T: T.signal.windows.exponential(5, center=2.0),
        lambda T: T.signal.windows.gaussian(5, std=0),
        lambda T: T.signal.windows.kaiser(5, beta=-1),
        lambda T: T.signal.windows.general_cosine(5, a=[]),
        lambda T: T.signal.windows.general_cosine(5, a=0.4),
    ],
)
def test_errors_of_windows(call):
    compare(call, grads=False, text=True)


# ------------------------------------------------------------------------------------ short time
def wave(*shape, kind="r"):
    rng = np.random.default_rng(sum(shape))
    x = rng.normal(size=shape)
    return x + 1j * rng.normal(size=shape) if kind == "c" else x


STFT = {
    "plain": {}, "hop": {"hop_length": 3}, "short window": {"win_length": 10, "w": 10},
    "window": {"w": 16}, "not centred": {"center": False, "w": 16},
    "constant": {"pad_mode": "constant"}, "replicate": {"pad_mode": "replicate"},
    "normalized": {"normalized": True, "w": 16}, "two sides": {"onesided": False},
    "aligned": {"center": False, "align_to_window": True, "win_length": 10},
    "not aligned": {"center": False, "align_to_window": False, "win_length": 10},
    "short, no window": {"win_length": 7},
}  # fmt: skip


@pytest.mark.parametrize("case", STFT)
@pytest.mark.parametrize("n_fft", [16, 15])
def test_stft(case, n_fft):
    if case == "aligned":
        n_fft = 16  # of odd sizes PyTorch reads beyond the end of the signal
    given = dict(STFT[case])
    size = given.pop("w", None)
    size = None if size is None else min(size, n_fft)

    def f(T, x):
        window = None if size is None else T.hann_window(size, dtype=T.float64)
        return T.stft(x, n_fft, window=window, return_complex=True, **given)

    agree(f, wave(2, 40))
    agree(f, wave(40), double=False)


def test_stft_of_complex_numbers_and_as_real_numbers():
    agree(lambda T, x: T.stft(x, 8, return_complex=True), wave(2, 20, kind="c"))
    agree(lambda T, x: T.stft(x, 8, return_complex=False), wave(2, 20))
    agree(lambda T, x: x.stft(8, 2, return_complex=True).abs().square().sum(), wave(20))
    agree(lambda T, x, w: T.stft(x, 8, window=w, return_complex=True), wave(20), wave(8))
    agree(lambda T, x, w: T.stft(x, 8, window=w, return_complex=True), wave(20), wave(8, kind="c"))


ISTFT = [
    {}, {"length": 30}, {"length": 60}, {"hop_length": 2}, {"normalized": True},
    {"win_length": 12}, {"onesided": True}, {"hop_length": 5},
]  # fmt: skip


@pytest.mark.parametrize("given", ISTFT)
def test_istft(given):
    def f(T, x):
        size = given.get("win_length", 16)
        window = T.hamming_window(size, dtype=T.float64)
        return T.istft(x, 16, window=window, **given)

    agree(f, wave(2, 9, 11, kind="c"))
    agree(f, wave(9, 11, kind="c"), double=False)


def test_istft_of_whole_spectra():
    x = wave(2, 16, 6, kind="c")
    agree(lambda T, x: T.istft(x, 16), x)
    agree(lambda T, x: T.istft(x, 16, onesided=False), x)
    agree(lambda T, x: T.istft(x, 16, return_complex=True), x)
    agree(lambda T, x: T.istft(x, 16, center=False), x)


@pytest.mark.parametrize("n_fft", [8, 9, 16])
@pytest.mark.parametrize("hop", [None, 1, 3])
def test_there_and_back(n_fft, hop):
    x = ours.from_numpy(wave(3, 50))
    window = ours.hann_window(n_fft, dtype=ours.float64)
    spectra = ours.stft(x, n_fft, hop, window=window, return_complex=True)
    back = ours.istft(spectra, n_fft, hop, window=window, length=50)
    same(back, real.from_numpy(wave(3, 50)))


def test_single_precision():
    agree(
        lambda T, x: T.stft(x, 16, window=T.hann_window(16), return_complex=True),
        wave(2, 40).astype("float32"),
        rtol=1e-4,
    )


def window(T):
    return T.hann_window(16, dtype=T.float64)


@pytest.mark.parametrize(
    "call",
    [
        lambda T, x, s: T.stft(x, 16),
        lambda T, x, s: T.stft(x, 16, window=window(T)[:5], return_complex=True),
        lambda T, x, s: T.stft(x, 50, center=False, return_complex=True),
        lambda T, x, s: T.stft(x, 16, hop_length=0, return_complex=True),
        lambda T, x, s: T.stft(x, 16, win_length=20, return_complex=True),
        lambda T, x, s: T.stft(x[None], 16, return_complex=True),
        lambda T, x, s: T.stft(x.to(T.complex128), 16, onesided=True, return_complex=True),
        lambda T, x, s: T.stft(x.long(), 16, return_complex=True),
        lambda T, x, s: T.stft(x, 16, align_to_window=True, return_complex=True),
        lambda T, x, s: T.stft(x, 100, return_complex=True),
        lambda T, x, s: T.istft(s, 16, 4, window=window(T), center=False),
        lambda T, x, s: T.istft(s, 16, 4, window=window(T), return_complex=True),
        lambda T, x, s: T.istft(s.real, 16, 4, window=window(T)),
        lambda T, x, s: T.istft(s, 16, 4, window=window(T), onesided=False),
        lambda T, x, s: T.istft(s, 14, 4, window=window(T)[:14]),
        lambda T, x, s: T.istft(s, 16, 0, window=window(T)),
        lambda T, x, s: T.istft(s, 16, 20, window=window(T)),
        lambda T, x, s: T.istft(s, 16, 4, 20, window=window(T)),
        lambda T, x, s: T.istft(s, 16, 4, window=window(T)[:5]),
        lambda T, x, s: T.istft(s[None], 16, 4, window=window(T)),
        lambda T, x, s: T.istft(s[..., :0], 16, 4, window=window(T)),
        lambda T, x, s: T.istft(s, 16, 4, window=window(T).to(T.complex128)),
        lambda T, x, s: T.istft(s, 16, 4, window=window(T) * 0),
    ],
)
def test_errors(call):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        compare(call, wave(2, 40), wave(2, 9, 11, kind="c"), grads=False, text=True)


def test_warnings():
    def program(T):
        with warnings.catch_warnings(record=True) as seen:
            warnings.simplefilter("always")
            s = T.stft(T.ones(40), 16, return_complex=True)
            T.istft(s, 16, length=80)
            T.stft(T.ones(40), 16, window=T.ones(16), return_complex=False)
        # PyTorch warns of each only once in a process, so only ours are counted.
        return [str(w.message).split(".")[0] for w in seen]

    assert program(ours) == [
        "A window was not provided", "A window was not provided",
        "The length of signal is shorter than the length parameter",
        "stft with return_complex=False is deprecated",
    ]  # fmt: skip
