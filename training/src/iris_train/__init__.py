"""Training of the models that Iris ships."""

import os

# ONNX Runtime's wheels for Linux collect what they are used for and send it to their maker, unless this is set before
# they are imported.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
