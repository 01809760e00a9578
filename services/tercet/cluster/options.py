"""The options of a mesh and of its services: the type of each, with what it means.

Their one home. `spec.py` and the sections of tercet.toml are made of them; the reference in
docs/configuration.md and the help of the command line are made from the descriptions, each of which
is a clause: a small letter first, no full stop.
"""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta

# Of the mesh.
Engine = Annotated[
    str,
    Meta(
        description='engine of every rpc server: "native", or "grpcio", the stock one; gateways are'
        " always native"
    ),
]
Health = Annotated[str, Meta(description='"host:port" of health for probes; "" for none')]
Metrics = Annotated[
    str, Meta(description='"host:port" of the metrics of all workers, for Prometheus; "" for none')
]
Grace = Annotated[
    float, Meta(description="seconds that a stopping mesh may go on with the calls that it has")
]
BootTimeout = Annotated[
    float, Meta(description="seconds from the start of a worker until it must be ready")
]
HangTimeout = Annotated[
    float,
    Meta(
        description="seconds for which a worker's event loop may stand still before it is taken for"
        " hung and replaced; 0 for ever"
    ),
]
CrashLimit = Annotated[
    int,
    Meta(
        description="deaths in a row of one slot's workers after which the mesh stops; 0 for never:"
        " the slot is tried again every 15 s"
    ),
]
Log = Annotated[
    str,
    Meta(
        description='file that the output of all processes goes to, opened anew at USR1; "" for the'
        " terminal"
    ),
]
LogFormat = Annotated[
    str, Meta(description='"text", each line with its worker\'s name before it, or "json"')
]
PidFile = Annotated[
    str, Meta(description='file that the supervisor\'s pid is written to; "" for none')
]
Hooks = Annotated[
    dict[str, str],
    Meta(
        description='functions that are called with each event of a kind, "module:function"',
        examples=[{"worker_exited": "shop.hooks:told", "reload_failed": "shop.hooks:told"}],
    ),
]
Watch = Annotated[
    list[str],
    Meta(
        description="directories whose Python files, once changed, are a reason to reload; for"
        " development"
    ),
]

# Of a service.
Bind = Annotated[
    str,
    Meta(description='"host:port" for direct callers, shared by the workers; "" for none'),
]
MaxMessageBytes = Annotated[int, Meta(description="bytes of the largest request message")]
ServerOptions = Annotated[
    dict[str, int],
    Meta(description="further options of the gRPC server of each worker, by their names"),
]
Options = Annotated[dict[str, Any], Meta(description="keyword arguments of the function")]
MaxRequests = Annotated[
    int, Meta(description="calls after which a worker is replaced; 0 for never")
]
MaxRequestsJitter = Annotated[
    int, Meta(description="up to so many calls more, drawn for each worker")
]
MaxAge = Annotated[
    float,
    Meta(
        description="seconds after which a worker is replaced, less up to a tenth, drawn for each;"
        " 0 for never"
    ),
]
MaxRss = Annotated[
    int, Meta(description="bytes of resident memory above which a worker is replaced; 0 for never")
]
RssSamples = Annotated[int, Meta(description="so many samples in a row, before that is done")]
RssInterval = Annotated[float, Meta(description="seconds from one sample to the next")]
Pin = Annotated[
    bool, Meta(description="pin the worker in each slot to one CPU, the slots in turn to all")
]
Preload = Annotated[
    bool, Meta(description="import the module once, and fork workers that share its memory")
]
