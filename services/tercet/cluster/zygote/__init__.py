"""Workers that share the pages of what they import: forked from a process that has imported it.

starter      the supervisor's end: starts the zygote, asks it for workers
words        what the two say to each other
__main__     the zygote: imports, then forks at each request; one thread, no event loop
inventory    what a process must not hold if it is to be forked
forking      a child that is the supervisor's child
descriptors  puts those that came with a request under the numbers that they are known by
becoming     makes of the forked process what an exec'd worker is
title        what ps(1) shows
"""
