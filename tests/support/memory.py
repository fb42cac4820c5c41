"""How far the memory of a process may rise while it makes frames, without a leak."""

# An allocator's heap frays: 2 to 3 KiB a frame were seen, which malloc_trim gives back, while
# nothing more is alive (tracemalloc). A source frame of 64x48 has 9 KiB, and 36 as the network
# reads it.
FRAYED, POOLS = 4, 4096  # KiB: for each frame; for what runtimes' own pools still grow by
