"""How ``torch.compile`` works: record a call on symbols, compile the graph, guard what it saw."""
