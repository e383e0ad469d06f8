#!/usr/bin/env python3
"""Compare the points of Winograd's F(4x4, 3x3) by their rounding errors in float32.

    pip install numpy
    python benches/winograd_points.py
"""

import numpy as np

TILES, OUTPUTS = 300, 8
SQRT_HALF, SQRT_TWO = 0.5**0.5, 2**0.5
POINTS = {
    "0, ±1, ±2, ∞": (1, 2),
    "0, ±1/2, ±1, ∞": (0.5, 1),
    "0, ±3/4, ±3/2, ∞": (0.75, 1.5),
    "0, ±√½, ±√2, ∞": (SQRT_HALF, SQRT_TWO),
}


def transforms(p, q):
    """A^T, G and B^T for the points 0, p, -p, q, -q and infinity."""
    points = np.array([0.0, p, -p, q, -q])
    powers = np.vander(points, 4, increasing=True)
    others = [[y for y in points if y != x] for x in points]
    a = np.vstack([powers, [0, 0, 0, 1]])
    g = np.vstack([powers[:, :3] / [[np.prod(x - np.array(rest))] for x, rest in zip(points, others)], [0, 0, 1]])
    b = np.zeros((6, 6))
    for row, rest in zip(b, others):
        row[:5] = np.poly(rest)[::-1]
    b[5] = np.poly(points)[::-1]
    return a.T, g, b


def both_sides(matrix, tiles):
    """matrix X matrix^T for each of the tiles, every operation rounded to float32."""
    matrix = matrix.astype(np.float32)
    for _ in range(2):
        product = np.zeros((*tiles.shape[:-2], len(matrix), tiles.shape[-1]), np.float32)
        for k in range(matrix.shape[1]):
            product += matrix[:, k, None] * tiles[..., k, None, :]
        tiles = np.swapaxes(product, -1, -2)
    return tiles


def errors(points, channels, rng):
    """Largest and root mean square error of Winograd's outputs and of the definition's."""
    a, g, b = transforms(*points)
    tiles = np.maximum(rng.standard_normal((TILES, channels, 6, 6)), 0)
    kernels = rng.standard_normal((OUTPUTS, channels, 3, 3)) * np.sqrt(2 / (9 * OUTPUTS))
    exact = np.zeros((TILES, OUTPUTS, 4, 4))
    direct = np.zeros((TILES, OUTPUTS, 4, 4), np.float32)
    v = both_sides(b, tiles.astype(np.float32))
    u = both_sides(g, kernels.astype(np.float32))
    m = np.zeros((TILES, OUTPUTS, 6, 6), np.float32)
    for c in range(channels):
        m += v[:, None, c] * u[None, :, c]
        for y in range(3):
            for x in range(3):
                window, factor = tiles[:, None, c, y : y + 4, x : x + 4], kernels[None, :, c, y, x, None, None]
                exact += window * factor
                direct += window.astype(np.float32) * factor.astype(np.float32)
    scale = np.abs(exact).max(), np.sqrt((exact**2).mean())
    found = []
    for outputs in (both_sides(a, m), direct):
        error = outputs - exact
        found += [np.abs(error).max() / scale[0], np.sqrt((error**2).mean()) / scale[1]]
    return found


def main():
    rng = np.random.default_rng(0)
    print("| points | largest error | root mean square | of the definition's |\n|---|--:|--:|--:|")
    for name, points in POINTS.items():
        runs = [errors(points, channels, rng) for channels in (16, 64) for _ in range(3)]
        largest, rms, _, direct_rms = np.mean(runs, axis=0)
        print(f"| {name} | {largest:.1e} | {rms:.1e} | {rms / direct_rms:.1f} times |")


if __name__ == "__main__":
    main()
