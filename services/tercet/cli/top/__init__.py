"""`tercet top`: what the workers do and take, live.

snapshot.py  what a mesh looks like at one moment, as a table
feed.py      the moments and events, one after another, whatever happens to the connection
screen.py    shows them, and takes keys; the only one that imports textual
"""
