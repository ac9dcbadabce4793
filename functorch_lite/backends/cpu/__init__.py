"""Compiler for the processor: graphs of operations become machine code through LLVM."""
