"""Anchors and box decoding of SSDLite MobileNetV2, for any input size.

Units are network pixels, so that sizes do not depend on the input. All arithmetic is plain;
the Rust implementation is a port of this file.
"""

import math

import numpy as np

MAPS = 6  # feature maps; map l has a stride of 2 ** (4 + l)
SCALES = (0.2, 0.35, 0.5, 0.65, 0.8, 0.95, 1.0)  # of the training size; the last one only as "next"
TRAINED_SIZE = 300  # anchor sizes stay those of a 300 x 300 input
# The trained anchors lie off the centre of the cell's receptive field by this many pixels.
CENTRE_OFFSETS = (5, 5, 21, 21, 21, 149)


def grid(n, level):
    """(cells, centre of cell 0, distance of cells) of feature map `level` on an axis of `n` pixels.

    Follows the stride-2 convolutions (3 x 3, SAME): cells whose receptive field is centred at
    centre + step * i. The padding at the start, and with it the centre, depends on n.
    """
    centre, step = 0, 1
    for _ in range(4 + level):
        cells = (n + 1) // 2
        pad = max(2 * (cells - 1) + 3 - n, 0) // 2
        centre += step * (1 - pad)
        step *= 2
        n = cells
    return n, centre - CENTRE_OFFSETS[level], step


def shapes(level):
    """(width, height) of the anchors of each cell, in the order of the network's outputs."""
    scale, following = SCALES[level], SCALES[level + 1]
    if level == 0:
        pairs = [(0.1, 1.0), (scale, 2.0), (scale, 0.5)]
    else:
        pairs = [(scale, ratio) for ratio in (1.0, 2.0, 0.5, 3.0, 0.3333)]
        pairs.append((math.sqrt(scale * following), 1.0))
    return [(TRAINED_SIZE * s * math.sqrt(ratio), TRAINED_SIZE * s / math.sqrt(ratio)) for s, ratio in pairs]


def anchors(width, height):
    """float32 [N, 4]: centre x, centre y, width, height; maps, then rows, columns and shapes."""
    rows = []
    for level in range(MAPS):
        cells_x, x0, step = grid(width, level)
        cells_y, y0, _ = grid(height, level)
        for iy in range(cells_y):
            for ix in range(cells_x):
                for w, h in shapes(level):
                    rows.append((x0 + step * ix, y0 + step * iy, w, h))
    return np.array(rows, np.float32)


def decode(boxes, anchor):
    """Raw boxes [N, 4] (ty, tx, th, tw) to [N, 4] left, top, width, height in network pixels."""
    ty, tx, th, tw = boxes.T
    cx, cy, aw, ah = anchor.T
    x = cx + tx / 10 * aw
    y = cy + ty / 10 * ah
    w = aw * np.exp(tw / 5)
    h = ah * np.exp(th / 5)
    return np.stack([x - w / 2, y - h / 2, w, h], axis=1)


def nms(boxes, scores, threshold=0.45):
    """Indices kept by greedy non-maximum suppression, best score first (ties: lower index)."""
    left, top, width, height = boxes.T
    area, order, kept = width * height, np.argsort(-scores, kind="stable"), []
    while len(order):
        best, rest = order[0], order[1:]
        kept.append(best)
        w = np.minimum(left[best] + width[best], left[rest] + width[rest]) - np.maximum(
            left[best], left[rest]
        )
        h = np.minimum(top[best] + height[best], top[rest] + height[rest]) - np.maximum(top[best], top[rest])
        overlap = np.maximum(w, 0) * np.maximum(h, 0)
        order = rest[overlap <= threshold * (area[best] + area[rest] - overlap)]
    return kept
