//! What Python hands over, in the transport's words.

use std::time::Duration;

use http::HeaderMap;
use kasir_transport::{Code, metadata};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

/// Longest time that can be asked for.
const TIME_MAX_S: f64 = 1e9;

/// A length of time.
pub(crate) fn seconds(given: f64) -> PyResult<Duration> {
    if (0.0..=TIME_MAX_S).contains(&given) {
        Ok(Duration::from_secs_f64(given))
    } else {
        Err(PyValueError::new_err(format!("{given} is no number of seconds")))
    }
}

/// A gRPC status by its number.
pub(crate) fn code(number: u8) -> PyResult<Code> {
    Code::from_number(number).ok_or_else(|| PyValueError::new_err(format!("{number} is no gRPC status")))
}

/// What a handler writes beside its messages.
#[derive(FromPyObject)]
pub(crate) enum Value {
    Text(String),
    Bytes(Vec<u8>),
}

/// Metadata, as it goes out.
pub(crate) fn headers(given: Vec<(String, Value)>) -> PyResult<HeaderMap> {
    let pairs = given.into_iter().map(|(name, value)| match value {
        Value::Text(text) => (name, text.into_bytes()),
        Value::Bytes(bytes) => (name, bytes),
    });
    metadata::headers(&pairs.collect()).map_err(|error| PyValueError::new_err(error.to_string()))
}
