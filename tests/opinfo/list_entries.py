"""Prints the names of the database's entries, one a line."""

from tests.opinfo.check import database, title

if __name__ == "__main__":
    print("\n".join(title(op) for op in database()))
