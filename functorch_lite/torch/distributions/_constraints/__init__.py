"""The classes of constraints, by what they are about."""
