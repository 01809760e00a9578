"""The fields of a header block, kept without copying them: for native modules alone."""
