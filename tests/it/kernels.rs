//! Compares every kernel of the fused engine with its definition in float64, over random shapes and
//! with every instruction set of this CPU.
//!
//! Errors are relative to the largest magnitude of a result. A sum of n products in float32 has an
//! error of about sqrt(n) half-units in the last place; Winograd's transforms lose about a factor
//! of two more (docs/engine.md).

use pulp::Scalar512b;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use resnet_engine::fused::kernels::{
    Direct, InstructionSet, Measured, Operand, Prefetch, Product, Stored, Sums, Task, Tiles,
    Vector, Winograd, multiply, pad, scan,
};

/// Every instruction set of this CPU, and arrays of sixteen floats, as a substitute for AVX-512.
fn sets() -> impl Iterator<Item = Option<InstructionSet>> {
    InstructionSet::available()
        .into_iter()
        .map(Some)
        .chain([None])
}

fn run(set: Option<InstructionSet>, task: impl Task) {
    match set {
        Some(set) => set.run(task),
        None => task.run(Scalar512b),
    }
}

fn name(set: Option<InstructionSet>) -> &'static str {
    set.map_or("sixteen floats", InstructionSet::name)
}

const SEED: u64 = 20_160_627;
const CASES: usize = if cfg!(miri) { 1 } else { 24 };
const TOLERANCE: f64 = 2e-6;

fn rng(stream: u64) -> ChaCha8Rng {
    println!("seed {SEED}, stream {stream}");
    let mut rng = ChaCha8Rng::seed_from_u64(SEED);
    rng.set_stream(stream);
    rng
}

fn values(rng: &mut ChaCha8Rng, len: usize) -> Vec<f32> {
    (0..len).map(|_| rng.random_range(-1.0..1.0)).collect()
}

fn assert_close(what: &str, actual: &[f32], expected: &[f64]) {
    assert_eq!(actual.len(), expected.len(), "{what}");
    let scale = expected.iter().fold(1e-30f64, |most, v| most.max(v.abs()));
    for (at, (&actual, &expected)) in actual.iter().zip(expected).enumerate() {
        let error = (f64::from(actual) - expected).abs() / scale;
        assert!(
            error <= TOLERANCE,
            "{what}[{at}]: {actual} against {expected}, error {error:.1e} of the largest magnitude"
        );
    }
}

/// A number of channels that every vector length divides.
fn channels(rng: &mut ChaCha8Rng) -> usize {
    16 * rng.random_range(1..=if cfg!(miri) { 1 } else { 3 })
}

/// Runs a product with an instruction set; closures cannot be generic over the vectors.
struct Multiply<'a> {
    product: Product,
    a: &'a [f32],
    b: &'a [f32],
    c: &'a mut [f32],
}

impl Task for Multiply<'_> {
    fn run<S: Vector>(self, simd: S) {
        let mut ahead = Prefetch::default();
        multiply(simd, &self.product, (self.a, self.b), self.c, &mut ahead);
    }
}

#[test]
fn product_sums_over_its_segments() {
    let mut rng = rng(1);
    for _ in 0..CASES {
        let (rows, columns) = (rng.random_range(1..=21), 16 * rng.random_range(1..=4));
        let (steps, segments) = (rng.random_range(1..=20), rng.random_range(1..=3));
        // Overlapping rows, like those of an image.
        let (a_row, a_segment) = (rng.random_range(1..=30), rng.random_range(0..=40));
        let accumulate = rng.random();
        let a_len = rows * a_row + steps + segments * a_segment;
        let (a, b) = (
            values(&mut rng, a_len),
            values(&mut rng, steps * segments * columns),
        );
        let before = values(&mut rng, rows * columns);
        let mut expected: Vec<f64> = before.iter().map(|&v| f64::from(v)).collect();
        for (at, expected) in expected.iter_mut().enumerate() {
            let (row, column) = (at / columns, at % columns);
            let old = if accumulate { *expected } else { 0.0 };
            let terms = (0..segments * steps).map(|term| {
                let (segment, step) = (term / steps, term % steps);
                f64::from(a[row * a_row + segment * a_segment + step])
                    * f64::from(b[term * columns + column])
            });
            *expected = old + terms.sum::<f64>();
        }
        let product = Product {
            rows,
            columns,
            steps,
            segments,
            a_row,
            a: Operand {
                step: 1,
                segment: a_segment,
            },
            b: Operand {
                step: columns,
                segment: steps * columns,
            },
            c_row: columns,
            accumulate,
        };
        for set in sets() {
            let mut c = before.clone();
            run(
                set,
                Multiply {
                    product,
                    a: &a,
                    b: &b,
                    c: &mut c,
                },
            );
            assert_close(name(set), &c, &expected);
        }
    }
}

#[test]
#[should_panic(expected = "assertion failed")]
fn a_product_beyond_its_operands_is_refused() {
    let product = Product {
        rows: 2,
        columns: 16,
        steps: 3,
        segments: 1,
        a_row: 3,
        a: Operand {
            step: 1,
            segment: 0,
        },
        b: Operand {
            step: 16,
            segment: 0,
        },
        c_row: 16,
        accumulate: false,
    };
    InstructionSet::Portable.run(Multiply {
        product,
        a: &[0.0; 5],
        b: &[0.0; 48],
        c: &mut [0.0; 32],
    });
}

/// A 3x3 or 1x1 convolution in float64 of one image (size, size, from) with a kernel (height,
/// width, from, to).
fn convolve(
    (size, stride, side): (usize, usize, usize),
    (from, to): (usize, usize),
    image: &[f32],
    kernel: &[f32],
) -> Vec<f64> {
    let out_size = size / stride;
    let mut output = vec![0.0; out_size * out_size * to];
    for_each_term((size, stride, side), |out, input, tap| {
        for a in 0..from {
            for b in 0..to {
                output[out * to + b] += f64::from(image[input * from + a])
                    * f64::from(kernel[(tap * from + a) * to + b]);
            }
        }
    });
    output
}

/// Calls `f` with every output pixel, input pixel and kernel position that meet.
fn for_each_term(
    (size, stride, side): (usize, usize, usize),
    mut f: impl FnMut(usize, usize, usize),
) {
    let (out_size, border) = (size / stride, side / 2);
    for (row, column) in (0..out_size * out_size).map(|at| (at / out_size, at % out_size)) {
        for tap in 0..side * side {
            let y = (row * stride + tap / side).checked_sub(border);
            let x = (column * stride + tap % side).checked_sub(border);
            if let (Some(y), Some(x)) = (y.filter(|y| *y < size), x.filter(|x| *x < size)) {
                f(row * out_size + column, y * size + x, tap);
            }
        }
    }
}

/// The gradients of the image and of the kernel from those of the outputs.
fn convolve_back(
    (size, stride, side): (usize, usize, usize),
    (from, to): (usize, usize),
    (image, kernel, gradient): (&[f32], &[f32], &[f32]),
) -> (Vec<f64>, Vec<f64>) {
    let mut of_image = vec![0.0; image.len()];
    let mut of_kernel = vec![0.0; kernel.len()];
    for_each_term((size, stride, side), |out, input, tap| {
        for a in 0..from {
            for b in 0..to {
                let gradient = f64::from(gradient[out * to + b]);
                let (pixel, entry) = (input * from + a, (tap * from + a) * to + b);
                of_image[pixel] += gradient * f64::from(kernel[entry]);
                of_kernel[entry] += gradient * f64::from(image[pixel]);
            }
        }
    });
    (of_image, of_kernel)
}

/// One image forward and back through Winograd's method, and the sums over its outputs.
struct WinogradPass<'a> {
    winograd: Winograd,
    image: &'a [f32],
    kernel: &'a [f32],
    gradient: &'a [f32],
    results: &'a mut [Vec<f32>; 3],
    sums: &'a mut Sums,
}

impl Task for WinogradPass<'_> {
    fn run<S: Vector>(self, simd: S) {
        let w = self.winograd;
        let (size, channels) = (w.size, w.in_channels);
        let tiles = 0..Winograd::tiles(size).pow(2);
        let padded = |image: &[f32], channels: usize| {
            let side = Winograd::padded_size(size);
            let mut padded = vec![0.0; side * side * channels];
            let shape = (size, channels);
            let padding = Winograd::padding::<S>(size);
            pad(
                simd,
                shape,
                &mut Stored(image),
                0..size,
                padding,
                &mut padded,
            );
            padded
        };
        let image = padded(self.image, channels);
        let gradient = padded(self.gradient, w.out_channels);
        let mut v = vec![0.0; Winograd::group_len(channels)];
        let mut m = vec![0.0; Winograd::group_len(w.out_channels)];
        let mut ahead = Prefetch::default();
        let [output, of_image, of_kernel] = self.results;

        let mut kernel = vec![0.0; w.kernel_len()];
        let (from, to) = (channels, w.out_channels);
        Winograd::transform_kernel(simd, to, self.kernel, &mut kernel);
        w.transform_input(simd, from, &image, tiles.clone(), 0, &mut v);
        let mut sink = Measured(output);
        for span in Winograd::spans::<S>(to) {
            let (tiles, operands) = (tiles.clone(), (&v[..], &kernel[..]));
            let count = tiles.len();
            w.multiply_tiles(
                simd,
                count,
                from,
                span.clone(),
                operands,
                &mut m,
                &mut ahead,
            );
            let tiles = Tiles {
                winograd: w,
                channels: to,
                span,
                tiles,
                first: 0,
                m: &m,
            };
            tiles.transform(simd, &mut sink, self.sums);
        }

        let turned = turned(self.kernel, from, to);
        Winograd::transform_kernel(simd, from, &turned, &mut kernel);
        w.transform_input(simd, to, &gradient, tiles.clone(), 0, &mut m);
        let (mut sink, mut sums) = (Measured(of_image), Sums::new(from));
        for span in Winograd::spans::<S>(from) {
            let (tiles, operands) = (tiles.clone(), (&m[..], &kernel[..]));
            let count = tiles.len();
            w.multiply_tiles(simd, count, to, span.clone(), operands, &mut v, &mut ahead);
            let tiles = Tiles {
                winograd: w,
                channels: from,
                span,
                tiles,
                first: 0,
                m: &v,
            };
            tiles.transform(simd, &mut sink, &mut sums);
        }

        w.transform_for_kernel(simd, &mut Stored(self.image), tiles.clone(), 0, &mut v);
        w.multiply_kernel_gradient(simd, tiles.len(), (&v, &m), &mut kernel, false, &mut ahead);
        Winograd::transform_kernel_gradient(simd, &kernel, of_kernel);
    }
}

/// (3, 3, from, to) rotated by 180 degrees, with its channels swapped.
fn turned(kernel: &[f32], from: usize, to: usize) -> Vec<f32> {
    let mut turned = vec![0.0; kernel.len()];
    for (at, &value) in kernel.iter().enumerate() {
        let (tap, a, b) = (at / (from * to), at / to % from, at % to);
        turned[((8 - tap) * to + b) * from + a] = value;
    }
    turned
}

#[test]
fn winograd_matches_the_definition() {
    let mut rng = rng(2);
    for _ in 0..CASES {
        let (from, to) = (channels(&mut rng), channels(&mut rng));
        let size = rng.random_range(1..=if cfg!(miri) { 5 } else { 13 });
        let (image, kernel, gradient) = (
            values(&mut rng, size * size * from),
            values(&mut rng, 9 * from * to),
            values(&mut rng, size * size * to),
        );
        let shape = (size, 1, 3);
        let expected = convolve(shape, (from, to), &image, &kernel);
        let (of_image, of_kernel) = convolve_back(shape, (from, to), (&image, &kernel, &gradient));
        // One for vectors with fused multiply-add, one for those without.
        let mut bits: [Vec<Vec<Vec<u32>>>; 2] = Default::default();
        for set in sets() {
            let mut results = [
                vec![0.0; expected.len()],
                vec![0.0; of_image.len()],
                vec![0.0; of_kernel.len()],
            ];
            let mut sums = Sums::new(to);
            run(
                set,
                WinogradPass {
                    winograd: Winograd {
                        in_channels: from,
                        out_channels: to,
                        size,
                    },
                    image: &image,
                    kernel: &kernel,
                    gradient: &gradient,
                    results: &mut results,
                    sums: &mut sums,
                },
            );
            let what = format!("{} {size} pixels, {from} to {to} channels", name(set));
            assert_close(&format!("{what}: outputs"), &results[0], &expected);
            assert_close(&format!("{what}: of image"), &results[1], &of_image);
            assert_close(&format!("{what}: of kernel"), &results[2], &of_kernel);
            for channel in 0..to {
                let values = results[0].iter().skip(channel).step_by(to);
                let (sum, squares) = values.fold((0.0, 0.0), |(sum, squares), &v| {
                    (sum + f64::from(v), squares + f64::from(v) * f64::from(v))
                });
                let scale = squares.max(1.0);
                assert!((sums.first[channel] - sum).abs() < 1e-5 * scale, "{what}");
                assert!(
                    (sums.second[channel] - squares).abs() < 1e-5 * scale,
                    "{what}"
                );
            }
            let to_bits = |values: &Vec<f32>| values.iter().map(|v| v.to_bits()).collect();
            let fused = set.is_some_and(|set| !matches!(set, InstructionSet::Portable));
            bits[usize::from(fused)].push(results.iter().map(to_bits).collect());
        }
        for bits in bits {
            let same = bits.windows(2).all(|pair| pair[0] == pair[1]);
            assert!(same, "the length of the vectors changes no bit");
        }
    }
}

/// One image forward and back through the direct method.
struct DirectPass<'a> {
    direct: Direct,
    size: usize,
    image: &'a [f32],
    kernel: &'a [f32],
    gradient: &'a [f32],
    results: &'a mut [Vec<f32>; 3],
}

impl Task for DirectPass<'_> {
    fn run<S: Vector>(self, simd: S) {
        let (d, size) = (self.direct, self.size);
        let (from, to, side) = (d.in_channels, d.out_channels, d.kernel);
        let border = side / 2;
        let row = |y: usize| (y + border) * d.pitch + border * from;
        let mut padded = vec![0.0; (size + 2 * border) * d.pitch];
        for (y, line) in self.image.chunks_exact(size * from).enumerate() {
            padded[row(y)..row(y) + line.len()].copy_from_slice(line);
        }
        let [output, of_image, of_kernel] = self.results;
        d.forward(simd, &padded, self.kernel, output);
        d.kernel_gradient(simd, &padded, self.gradient, of_kernel, false);
        if !from.is_multiple_of(S::LANES) {
            return;
        }
        let mut transposed = vec![0.0; self.kernel.len()];
        for (at, &value) in self.kernel.iter().enumerate() {
            let (tap, a, b) = (at / (from * to), at / to % from, at % to);
            transposed[((tap / side * to + b) * side + tap % side) * from + a] = value;
        }
        padded.fill(0.0);
        let mut scratch = vec![0.0; d.out_size * side * from];
        d.backward(simd, self.gradient, &transposed, &mut scratch, &mut padded);
        for (y, line) in of_image.chunks_exact_mut(size * from).enumerate() {
            line.copy_from_slice(&padded[row(y)..row(y) + line.len()]);
        }
    }
}

#[test]
fn direct_method_matches_the_definition() {
    let mut rng = rng(3);
    for case in 0..2 * CASES {
        let to = channels(&mut rng);
        let from = if case % 3 == 0 { 3 } else { channels(&mut rng) };
        let (side, stride) = [(3, 1), (3, 2), (1, 1), (1, 2)][case % 4];
        let size = 2 * rng.random_range(1..=if cfg!(miri) { 2 } else { 6 });
        let out_size = size / stride;
        let (image, kernel, gradient) = (
            values(&mut rng, size * size * from),
            values(&mut rng, side * side * from * to),
            values(&mut rng, out_size * out_size * to),
        );
        let shape = (size, stride, side);
        let expected = convolve(shape, (from, to), &image, &kernel);
        let (of_image, of_kernel) = convolve_back(shape, (from, to), (&image, &kernel, &gradient));
        for set in sets() {
            let mut results = [
                vec![0.0; expected.len()],
                vec![0.0; of_image.len()],
                vec![0.0; of_kernel.len()],
            ];
            run(
                set,
                DirectPass {
                    direct: Direct {
                        in_channels: from,
                        out_channels: to,
                        kernel: side,
                        stride,
                        pitch: (size + 2 * (side / 2)) * from,
                        out_size,
                    },
                    size,
                    image: &image,
                    kernel: &kernel,
                    gradient: &gradient,
                    results: &mut results,
                },
            );
            let what = format!("{} {shape:?}, {from} to {to} channels", name(set));
            assert_close(&format!("{what}: outputs"), &results[0], &expected);
            assert_close(&format!("{what}: of kernel"), &results[2], &of_kernel);
            if from.is_multiple_of(16) {
                assert_close(&format!("{what}: of image"), &results[1], &of_image);
            }
        }
    }
}

struct ScanPass<'a> {
    pixels: usize,
    channels: usize,
    image: &'a [f32],
    copy: &'a mut [f32],
    sums: &'a mut Sums,
}

impl Task for ScanPass<'_> {
    fn run<S: Vector>(self, simd: S) {
        let shape = (self.pixels, self.channels);
        let (mut source, mut sink) = (Stored(self.image), Measured(self.copy));
        scan(simd, shape, &mut source, &mut sink, self.sums);
    }
}

#[test]
fn a_scan_sees_every_pixel_once() {
    let mut rng = rng(4);
    for pixels in if cfg!(miri) {
        [1, 2, 3, 64, 65]
    } else {
        [1, 63, 64, 65, 130]
    } {
        let channels = channels(&mut rng);
        let image = values(&mut rng, pixels * channels);
        for set in sets() {
            let (mut copy, mut sums) = (vec![0.0; image.len()], Sums::new(channels));
            run(
                set,
                ScanPass {
                    pixels,
                    channels,
                    image: &image,
                    copy: &mut copy,
                    sums: &mut sums,
                },
            );
            assert_eq!(copy, image, "{}", name(set));
            for channel in 0..channels {
                let of_channel = image.iter().skip(channel).step_by(channels);
                let sum: f64 = of_channel.map(|&v| f64::from(v)).sum();
                assert!((sums.first[channel] - sum).abs() < 1e-4, "{}", name(set));
            }
        }
    }
}
