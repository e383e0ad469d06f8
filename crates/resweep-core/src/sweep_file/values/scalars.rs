//! Checks numbers and booleans, and makes the problems of values that a key does not take.

use super::setting::Checked;
use crate::sweep_file::diagnostics::problem::{Form, Problem};
use crate::sweep_file::keys::kind::{DEPTH_MAX, DEPTH_MIN, IMAGE_SIZE_MAX, IMAGE_SIZE_MIN, Kind};
use crate::sweep_file::keys::table::KeySpec;
use crate::sweep_file::parse::tree::{Node, Value};

/// The error is boxed because a problem is much larger than a value.
pub type Result<T> = std::result::Result<T, Box<Problem>>;

/// Returns the `help:` line with the allowed values and the meaning of a key.
pub fn usage(spec: &KeySpec) -> String {
    format!(
        "`{}` takes {}: {}",
        spec.name,
        spec.kind.allowed(),
        spec.meaning
    )
}

/// Reports a value that is not allowed.
pub fn refused(spec: &KeySpec, node: &Node, message: String, label: &str) -> Box<Problem> {
    Box::new(
        Problem::new(node.at, message)
            .label(label)
            .help(usage(spec))
            .form(Form::Example(spec.key)),
    )
}

/// Reports a value of another type.
pub fn wrong_type(spec: &KeySpec, node: &Node, expected: &str) -> Box<Problem> {
    let message = format!(
        "`{}` must be {expected}, found {}",
        spec.name,
        node.value.type_name()
    );
    let problem = Problem::new(node.at, message).label(format!("expected {expected}"));
    Box::new(
        problem
            .maybe_help(unquoted(node, expected))
            .help(usage(spec))
            .form(Form::Example(spec.key)),
    )
}

/// The most likely error is a number or boolean in quotes.
fn unquoted(node: &Node, expected: &str) -> Option<String> {
    let Value::String(text) = &node.value else {
        return None;
    };
    let fits = match expected {
        "an integer" => text.parse::<u64>().is_ok(),
        "a number" => text.parse::<f64>().is_ok(),
        "a boolean" => text.parse::<bool>().is_ok(),
        _ => false,
    };
    fits.then(|| format!("leave out the quotes: {text}"))
}

/// Checks an integer and its bounds.
pub fn integer(spec: &KeySpec, node: &Node, min: u64, max: u64) -> Result<u64> {
    let Value::Integer(integer) = node.value else {
        return Err(wrong_type(spec, node, "an integer"));
    };
    match u64::try_from(integer) {
        Ok(integer) if (min..=max).contains(&integer) => Ok(integer),
        _ => Err(refused(
            spec,
            node,
            format!("`{}` is out of range", spec.name),
            &format!("must be from {min} to {max}"),
        )),
    }
}

/// Checks that a number is finite; integers count as numbers.
pub fn finite(spec: &KeySpec, node: &Node) -> Result<f64> {
    let number = match node.value {
        #[expect(
            clippy::cast_precision_loss,
            reason = "integers beyond 2^53 are out of every range"
        )]
        Value::Integer(integer) => integer as f64,
        Value::Float(number) => number,
        _ => return Err(wrong_type(spec, node, "a number")),
    };
    if number.is_finite() {
        return Ok(number);
    }
    let message = format!("`{}` is not a finite number", spec.name);
    Err(refused(spec, node, message, "must be finite"))
}

pub fn number(spec: &KeySpec, node: &Node) -> Result<f64> {
    let number = finite(spec, node)?;
    let Kind::Number {
        min,
        max,
        min_open,
        max_open,
    } = spec.kind
    else {
        return Ok(number);
    };
    let too_small = number < min || (min_open && number == min);
    let too_large = number > max || (max_open && number == max);
    if too_small || too_large {
        let message = format!("`{}` is out of range", spec.name);
        let label = spec.kind.allowed().replacen("a number", "must be", 1);
        return Err(refused(spec, node, message, &label));
    }
    // -0 becomes 0, since it would make another run key.
    Ok(number + 0.0)
}

pub fn boolean(spec: &KeySpec, node: &Node) -> Result<Checked> {
    match node.value {
        Value::Boolean(boolean) => Ok(Checked::Boolean(boolean)),
        _ => Err(wrong_type(spec, node, "a boolean")),
    }
}

pub fn depth(spec: &KeySpec, node: &Node) -> Result<Checked> {
    let depth = integer(spec, node, DEPTH_MIN, DEPTH_MAX)?;
    let below = depth - (depth - 2) % 6;
    if below == depth {
        return Ok(Checked::Integer(depth));
    }
    let above = below + 6;
    let problem = Problem::new(node.at, format!("depth {depth} is not 6n+2"))
        .label(format!("the nearest are {below} and {above}"))
        .help(
            "three stages of n blocks of two layers, and one layer at each end, \
             make 6n+2 layers: 8, 14, 20, 26, 32, 38, 44, 50, 56, ...",
        );
    Err(Box::new(problem))
}

pub fn image_size(spec: &KeySpec, node: &Node) -> Result<Checked> {
    let size = integer(spec, node, IMAGE_SIZE_MIN, IMAGE_SIZE_MAX)?;
    if size % 4 == 0 {
        return Ok(Checked::Integer(size));
    }
    let below = size - size % 4;
    let label = format!("the nearest are {below} and {}", below + 4);
    let message = format!("image size {size} is not a multiple of 4");
    let problem = Problem::new(node.at, message)
        .label(label)
        .help("the second and the third stage halve the image");
    Err(Box::new(problem))
}
