"""ProcessImage. Needs the extra `image`: importing `processor` without it raises ImportError."""
