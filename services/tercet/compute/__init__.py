"""The compute service: kernels that run without the GIL on a native thread pool.

Importing this package loads neither grpc nor NumPy.
"""
