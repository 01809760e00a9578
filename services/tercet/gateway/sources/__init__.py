"""Where upstreams come from. One file per kind of source, behind the Protocol in `source`.

`supervisor` follows the workers of this mesh; `static` and `dns` are what a target names, and
`target` reads it. Another kind (Kubernetes' EndpointSlices come next) is one more file, and one
more row in `target.KINDS`.
"""
