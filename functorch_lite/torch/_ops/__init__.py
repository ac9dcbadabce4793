"""Operations on tensors, a family a file; importing them makes them public."""
