//! Writes one run as a TensorBoard event file: scalars by iteration, and the configuration for the
//! Text and HParams pages.
//!
//! The file is a sequence of TFRecords (length, masked CRC-32C of the length, message, masked
//! CRC-32C of the message), whose messages are Protocol Buffers. The field numbers below are those
//! of TensorBoard's `event.proto`, `summary.proto`, `tensor.proto` and of its HParams plugin's
//! `plugin_data.proto`. The database has no times of points, so every event has the start time of
//! the training, which does not change when it resumes.

use std::collections::BTreeMap;
use std::io::{self, Write};

use prost::Message;
use serde_json::Value as Json;

use super::settings::plain;
use resweep_core::domain::{EvalSet, Measurements};

/// The version by which TensorBoard recognises its files.
const VERSION: &str = "brain.Event:2";
/// `DT_FLOAT` and `DT_STRING`.
const FLOAT: i32 = 1;
const STRING: i32 = 7;
/// `STATUS_SUCCESS` and `STATUS_FAILURE`.
const SUCCESS: i32 = 1;
const FAILURE: i32 = 2;

/// The content of a run's file.
#[derive(Debug, Clone, Copy)]
pub struct RunLog<'a> {
    /// Settings by name, such as `train.lr`.
    pub configuration: &'a serde_json::Map<String, Json>,
    pub measurements: &'a Measurements,
    /// Seconds since 1970-01-01 UTC.
    pub started_unix_s: f64,
    /// The end time, if the run has ended, and whether it has a result.
    pub ended: Option<(f64, bool)>,
}

/// Writes the file's content.
///
/// # Errors
/// The errors of `out`.
pub fn write(out: &mut dyn Write, log: &RunLog<'_>) -> io::Result<()> {
    let first = Event {
        wall_time: log.started_unix_s,
        file_version: Some(VERSION.to_owned()),
        ..Event::default()
    };
    write_record(out, &first)?;
    for value in [start(log), settings_text(log.configuration)] {
        write_record(out, &event(log, 0, vec![value]))?;
    }
    for (iteration, values) in scalars(log.measurements) {
        write_record(out, &event(log, iteration, values))?;
    }
    if let Some((ended_unix_s, success)) = log.ended {
        let end = end(ended_unix_s, success);
        write_record(out, &event(log, 0, vec![end]))?;
    }
    Ok(())
}

/// A TFRecord.
fn write_record(out: &mut dyn Write, event: &Event) -> io::Result<()> {
    let message = event.encode_to_vec();
    let length = (message.len() as u64).to_le_bytes();
    for part in [length.as_slice(), message.as_slice()] {
        out.write_all(part)?;
        out.write_all(&masked_crc(part).to_le_bytes())?;
    }
    Ok(())
}

/// TFRecord's checksum: a rotated CRC-32C plus a constant.
fn masked_crc(bytes: &[u8]) -> u32 {
    const MASK: u32 = 0xa282_ead8;
    crc32c::crc32c(bytes).rotate_right(15).wrapping_add(MASK)
}

fn event(log: &RunLog<'_>, iteration: u64, value: Vec<Value>) -> Event {
    Event {
        wall_time: log.started_unix_s,
        // The store's iterations are below this limit.
        step: i64::try_from(iteration).unwrap_or(i64::MAX),
        summary: Some(Summary { value }),
        ..Event::default()
    }
}

/// The values of each iteration, in ascending order.
fn scalars(measurements: &Measurements) -> BTreeMap<u64, Vec<Value>> {
    let mut at: BTreeMap<u64, Vec<Value>> = BTreeMap::new();
    let mut add = |iteration, values: &[(&str, f64)]| {
        let values = values.iter().map(|(tag, value)| scalar(tag, *value));
        at.entry(iteration).or_default().extend(values);
    };
    for point in &measurements.train {
        let values = [
            ("train/error_percent", point.error_percent),
            ("train/loss", point.loss),
            ("train/lr", point.lr),
        ];
        add(point.iteration, &values);
    }
    for point in &measurements.eval {
        let tags = match point.set {
            EvalSet::Test => ["test/error_percent", "test/loss"],
            EvalSet::Validation => ["validation/error_percent", "validation/loss"],
        };
        let values = [(tags[0], point.error_percent), (tags[1], point.loss)];
        add(point.iteration, &values);
    }
    at
}

fn scalar(tag: &str, value: f64) -> Value {
    Value {
        tag: tag.to_owned(),
        simple_value: Some(value as f32),
        ..Value::default()
    }
}

/// A Markdown table for the Text page.
fn settings_text(configuration: &serde_json::Map<String, Json>) -> Value {
    let mut table = "| setting | value |\n|---|---|\n".to_owned();
    for (name, value) in configuration.iter().filter(|(_, value)| !value.is_null()) {
        let value = plain(value).replace('|', "\\|");
        table.push_str(&format!("| {name} | {value} |\n"));
    }
    Value {
        tag: "configuration/text_summary".to_owned(),
        metadata: Some(Metadata::of_plugin("text", Vec::new())),
        tensor: Some(Tensor {
            dtype: STRING,
            shape: Some(Shape::of_one()),
            string_val: vec![table.into_bytes()],
            ..Tensor::default()
        }),
        ..Value::default()
    }
}

/// The settings for the HParams page.
fn start(log: &RunLog<'_>) -> Value {
    let settings = log.configuration.iter();
    let settings = settings.filter(|(_, value)| !value.is_null());
    let start = SessionStart {
        hparams: settings
            .map(|(name, value)| (name.clone(), Setting::of(value)))
            .collect(),
        start_time_secs: log.started_unix_s,
    };
    let data = HParams {
        start: Some(start),
        end: None,
    };
    hparams("_hparams_/session_start_info", &data)
}

fn end(end_time_secs: f64, success: bool) -> Value {
    let status = if success { SUCCESS } else { FAILURE };
    let data = HParams {
        start: None,
        end: Some(SessionEnd {
            status,
            end_time_secs,
        }),
    };
    hparams("_hparams_/session_end_info", &data)
}

/// The plugin's data are in the metadata; TensorBoard requires a tensor beside them.
fn hparams(tag: &str, data: &HParams) -> Value {
    Value {
        tag: tag.to_owned(),
        metadata: Some(Metadata::of_plugin("hparams", data.encode_to_vec())),
        tensor: Some(Tensor {
            dtype: FLOAT,
            shape: Some(Shape::of_one()),
            float_val: vec![0.0],
            ..Tensor::default()
        }),
        ..Value::default()
    }
}

#[derive(Message)]
struct Event {
    #[prost(double, tag = "1")]
    wall_time: f64,
    #[prost(int64, tag = "2")]
    step: i64,
    #[prost(string, optional, tag = "3")]
    file_version: Option<String>,
    #[prost(message, optional, tag = "5")]
    summary: Option<Summary>,
}

#[derive(Message)]
struct Summary {
    #[prost(message, repeated, tag = "1")]
    value: Vec<Value>,
}

#[derive(Message)]
struct Value {
    #[prost(string, tag = "1")]
    tag: String,
    #[prost(float, optional, tag = "2")]
    simple_value: Option<f32>,
    #[prost(message, optional, tag = "8")]
    tensor: Option<Tensor>,
    #[prost(message, optional, tag = "9")]
    metadata: Option<Metadata>,
}

#[derive(Message)]
struct Metadata {
    #[prost(message, optional, tag = "1")]
    plugin_data: Option<PluginData>,
}

impl Metadata {
    fn of_plugin(name: &str, content: Vec<u8>) -> Self {
        let plugin_data = PluginData {
            plugin_name: name.to_owned(),
            content,
        };
        Self {
            plugin_data: Some(plugin_data),
        }
    }
}

#[derive(Message)]
struct PluginData {
    #[prost(string, tag = "1")]
    plugin_name: String,
    #[prost(bytes = "vec", tag = "2")]
    content: Vec<u8>,
}

#[derive(Message)]
struct Tensor {
    #[prost(int32, tag = "1")]
    dtype: i32,
    #[prost(message, optional, tag = "2")]
    shape: Option<Shape>,
    #[prost(float, repeated, tag = "5")]
    float_val: Vec<f32>,
    #[prost(bytes = "vec", repeated, tag = "8")]
    string_val: Vec<Vec<u8>>,
}

#[derive(Message)]
struct Shape {
    #[prost(message, repeated, tag = "2")]
    dim: Vec<Dim>,
}

impl Shape {
    fn of_one() -> Self {
        Self {
            dim: vec![Dim { size: 1 }],
        }
    }
}

#[derive(Message)]
struct Dim {
    #[prost(int64, tag = "1")]
    size: i64,
}

#[derive(Message)]
struct HParams {
    #[prost(message, optional, tag = "3")]
    start: Option<SessionStart>,
    #[prost(message, optional, tag = "4")]
    end: Option<SessionEnd>,
}

#[derive(Message)]
struct SessionStart {
    #[prost(btree_map = "string, message", tag = "1")]
    hparams: BTreeMap<String, Setting>,
    #[prost(double, tag = "5")]
    start_time_secs: f64,
}

#[derive(Message)]
struct SessionEnd {
    #[prost(int32, tag = "1")]
    status: i32,
    #[prost(double, tag = "2")]
    end_time_secs: f64,
}

/// `google.protobuf.Value`; HParams supports numbers, strings and booleans.
#[derive(PartialEq, Message)]
struct Setting {
    #[prost(double, optional, tag = "2")]
    number_value: Option<f64>,
    #[prost(string, optional, tag = "3")]
    string_value: Option<String>,
    #[prost(bool, optional, tag = "4")]
    bool_value: Option<bool>,
}

impl Setting {
    fn of(value: &Json) -> Self {
        let mut setting = Self::default();
        match value {
            Json::Number(number) => setting.number_value = number.as_f64(),
            Json::Bool(truth) => setting.bool_value = Some(*truth),
            other => setting.string_value = Some(plain(other)),
        }
        setting
    }
}
