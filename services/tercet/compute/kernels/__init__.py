"""One module per kernel: its declaration, over the native job of the same name."""
