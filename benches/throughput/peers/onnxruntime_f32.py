#!/usr/bin/env python3
"""Peer (c): the stock design with ONNX Runtime and the float32 model."""
import os

os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # before it is loaded: it sends telemetry otherwise
import onnxruntime  # noqa: E402

import pool


def network():
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(
        str(pool.MODEL), options, providers=["CPUExecutionProvider"]
    )
    return lambda image: session.run(["boxes", "scores"], {"image": image})


if __name__ == "__main__":
    pool.main(f"stock design, ONNX Runtime {onnxruntime.__version__}", network)
