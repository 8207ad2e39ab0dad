"""What schemathesis must be told to ask for everything: how to write a body that is not JSON."""

import schemathesis


@schemathesis.serializer("application/toml")
def toml(ctx, value):
    return value if isinstance(value, bytes) else str(value).encode()
