"""What is installed and what works: each part is tried in a process of its own, with a limit."""
