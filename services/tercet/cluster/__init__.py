"""The supervisor and its workers: any `register(server)` run as supervised processes.

Knows no service. The processes and what they may import:

* the supervisor (`python -m tercet.cluster`): one thread, no grpc, no network service;
* workers (`python -m tercet.cluster.worker`): one rpc server each, gateways among them;
* the control process: a worker that answers outsiders (`tercet.cluster.v1`, health).
"""
