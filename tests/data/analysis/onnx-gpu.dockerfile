FROM nvidia/cuda:12.1.0-runtime-ubuntu22.04
RUN uv pip install --no-cache onnxruntime-gpu numpy
