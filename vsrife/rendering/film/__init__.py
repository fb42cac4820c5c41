"""The film that is rendered: the source, its part, its times, and what the user adds."""
