"""The executor: external programs of a catalogue, streamed, limited, killed as a group.

File by file along a call's way:

    service      the servicer and `register`; `config`, its options; `describe`, what it lists
    catalogue    reads the programs (`program`) and their argv (`template`) from TOML
    admission    a stage of a request becomes a `command`: values by `arguments`, files by `media`
    running      how many programs run at once, and which, so that they can be ended
    pipeline     several programs joined by kernel pipes, their output collected (Run)
    session      one program with its streams live (Spawn); `inbox`, what its client sends;
                 `progress` and `probe`, how far ffmpeg has come
    spawn        starts a command on its own thread, with the environment of `environment`
    execution    a started command until nothing of it is left, and its `outcome`
    process      one child: its exit, its signals, its reaping
    pipes        its streams, read only when somebody asks; `descriptors`, who closes them
"""
