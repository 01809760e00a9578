"""The metadata of a request, as its handler sees it. For other native modules alone."""
