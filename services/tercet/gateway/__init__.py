"""The gateway: one public port in front of every upstream, balanced per call.

Routes any /package.Service/Method without knowing its messages.
"""
