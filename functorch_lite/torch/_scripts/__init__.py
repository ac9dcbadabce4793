"""Running scripts that import torch, and what is said of missing names."""
