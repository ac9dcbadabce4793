"""The tensor as a Python object: constructors, printing, pickling, parameters, generators."""
