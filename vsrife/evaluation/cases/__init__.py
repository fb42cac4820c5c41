"""Cases that a mean over a clip does not show, drawn so that the truth is known."""
