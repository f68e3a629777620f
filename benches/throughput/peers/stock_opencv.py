#!/usr/bin/env python3
"""Peer (b): the stock design with OpenCV's DNN module, the newest OpenCV of PyPI."""
import cv2

import pool


def network():
    net = cv2.dnn.readNetFromONNX(str(pool.MODEL))

    def run(image):
        net.setInput(image, "image")
        return net.forward(["boxes", "scores"])

    return run


if __name__ == "__main__":
    pool.main(f"stock design, OpenCV {cv2.__version__}", network)
