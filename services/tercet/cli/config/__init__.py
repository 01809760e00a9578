"""The configuration of a mesh: tercet.toml < TERCET_* < flags.

sections.py   what there is to say, as structs
fields.py     what each option means, read off the structs
variables.py  its environment variable
lines.py      the line of a file that says it
checking.py   what is wrong with what was said: everything, not only the first
addresses.py  whether two parts want one port
files.py      whether a mesh could write its files
examining.py  all that is wrong with the parts, and with what they make together
sources.py    what was said, and by which line, variable or flag
loading.py    puts these together
"""
