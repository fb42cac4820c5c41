"""Graphs for runtimes: files of ours and of others, stacked inputs, bf16."""
