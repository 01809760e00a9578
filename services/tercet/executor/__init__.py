"""The executor: external programs of a catalogue, streamed, limited, killed as a group.

Theory of operation, file by file along a call's way:

    catalogue   reads the programs (`program`) and their argv (`template`) from TOML
    admission   a stage of a request becomes a `Command`: values by `arguments`, files by `media`
    running     how many programs run at once, and which, so that they can be ended
    spawn       starts a command on its own thread, with the environment of `environment`
    process     one child: its exit, its signals, its reaping
    pipes       its streams, read only when somebody asks
    execution   a started command until nothing of it is left, and its `outcome`
    pipeline    several executions joined by kernel pipes (Run)
    session     one execution with its streams live (Spawn), with `progress`
    service     the servicer and `register`
"""
