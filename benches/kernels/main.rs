//! Times the steps of the convolutions, one core, operands in the cache, and prints a Markdown
//! table for each instruction set of this CPU: time for one image, GFLOP/s, and percent of the
//! peak, which is what the same vectors reach in the same moment when they do nothing but multiply
//! and add.
//!
//! A fused multiply-add counts as two operations. What a step does to values on their way in and
//! out (padding, ReLU, sums for BN) costs time and counts for nothing. docs/benchmarks.md says
//! more.

mod direct;
mod timing;
mod winograd;

use resnet_engine::InstructionSet;

use direct::{DirectImage, DirectStep};
use timing::{Peak, Row};
use winograd::{Stage, WinogradStep};

/// The (channels, size in pixels) of the three stages of the paper's networks.
const STAGES: [(usize, usize); 3] = [(16, 32), (32, 16), (64, 8)];

fn main() {
    println!("## Kernels: one thread, operands in the cache\n");
    for set in InstructionSet::available() {
        let (mut peak, rate) = Peak::of(set);
        println!("### {}: peak {:.1} GFLOP/s\n", set.name(), rate / 1e9);
        println!("| convolution | step | µs per image | GFLOP/s | % of peak |");
        println!("|---|---|--:|--:|--:|");
        for (channels, size) in STAGES {
            let name = format!("3x3, {channels} channels at {size}x{size}");
            let mut stage = Stage::new(channels, size);
            for step in WinogradStep::ALL {
                let row = Row::new(set, &mut stage, step, &mut peak);
                row.print(&name, step.name());
            }
        }
        for pair in STAGES.windows(2) {
            let ((from, size), (to, _)) = (pair[0], pair[1]);
            let name = format!("3x3/2, {from} to {to} channels at {size}x{size}");
            print_direct(set, &name, DirectImage::new(from, to, size, 2), &mut peak);
        }
        let (channels, size) = STAGES[0];
        let name = format!("first layer, 3 to {channels} channels at {size}x{size}");
        print_direct(
            set,
            &name,
            DirectImage::new(3, channels, size, 1),
            &mut peak,
        );
        println!();
    }
}

fn print_direct(set: InstructionSet, name: &str, mut image: DirectImage, peak: &mut Peak) {
    for step in DirectStep::ALL {
        if image.has(set, step) {
            let row = Row::new(set, &mut image, step, peak);
            row.print(name, step.name());
        }
    }
}

/// Values between -1/2 and 1/2, none of them near zero.
fn values(len: usize) -> Vec<f32> {
    (0..len)
        .map(|at| ((at * 7 % 16) as f32 - 7.5) / 16.0)
        .collect()
}
