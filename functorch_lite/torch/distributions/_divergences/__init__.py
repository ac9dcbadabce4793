"""The divergences of pairs of distributions: of one family, and of two."""
