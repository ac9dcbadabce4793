"""Intel's MKL: products run on the BLAS of SciPy. Source: ``torch.backends.mkl``."""


def is_available() -> bool:
    """Whether MKL is used."""
    return False
