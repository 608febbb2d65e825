//! What a backup and an audit are made of: functions over files, without an engine. [`kasir_store`] does the work.

#![expect(clippy::needless_pass_by_value, reason = "arguments from Python arrive by value")]

use std::path::PathBuf;

use kasir_store::{
    Audit, Hash, Head, Onlooker, Segment, check_seal, check_segment, merge_segments, read_segment,
    write_segment,
};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};

use crate::failure::Failure;
use crate::python::released;

/// Where the journal of a store or a snapshot ends, and how much the store has.
#[pyfunction]
pub(crate) fn store_head(py: Python<'_>, store: PathBuf) -> PyResult<Bound<'_, PyDict>> {
    let (head, used_bytes) = released(py, || {
        let looking = Onlooker::open(&store)?;
        Ok((looking.head()?, looking.used_bytes()))
    })?;
    let dict = describe_head(py, &head)?;
    dict.set_item("used_bytes", used_bytes)?;
    Ok(dict)
}

/// Writes a consistent copy of a store, which a server may have open, into the new file `path`.
#[pyfunction]
pub(crate) fn write_base(py: Python<'_>, store: PathBuf, path: PathBuf) -> PyResult<Bound<'_, PyDict>> {
    let (head, bytes) = released(py, || {
        let made = Onlooker::open(&store)?.snapshot(&path)?;
        Ok((Onlooker::open(&path)?.head()?, made.bytes))
    })?;
    let dict = describe_head(py, &head)?;
    dict.set_item("bytes", bytes)?;
    Ok(dict)
}

/// Customers whose data were erased in a store or a snapshot: id, when made, when erased (Unix milliseconds).
#[pyfunction]
pub(crate) fn store_erasures(py: Python<'_>, store: PathBuf) -> PyResult<Vec<(u64, i64, i64)>> {
    released(py, || {
        let found = Onlooker::open(&store)?.erasures()?;
        Ok(found.iter().map(|each| (each.customer_id.0, each.create_ms, each.erase_ms)).collect())
    })
}

/// Reads a whole snapshot and checks its seal.
#[pyfunction]
pub(crate) fn check_base(py: Python<'_>, path: PathBuf) -> PyResult<u64> {
    released(py, || Ok(check_seal(&path)?))
}

/// Writes what a store's journal has after a revision into a new segment in the directory `path`, if there is any.
#[pyfunction]
pub(crate) fn write_journal<'py>(
    py: Python<'py>,
    store: PathBuf,
    path: PathBuf,
    after: u64,
    before: &[u8],
    bytes_max: u64,
) -> PyResult<Option<Bound<'py, PyDict>>> {
    let made = released(py, || {
        Ok(write_segment(Onlooker::open(&store)?, &path, after, &hash(before)?, bytes_max)?)
    })?;
    made.map(|segment| describe_segment(py, &segment)).transpose()
}

/// Makes one segment, in the directory `path`, of several that follow one another.
#[pyfunction]
pub(crate) fn merge_journal(
    py: Python<'_>,
    parts: Vec<PathBuf>,
    path: PathBuf,
) -> PyResult<Bound<'_, PyDict>> {
    let made = released(py, || Ok(merge_segments(&parts, &path)?))?;
    describe_segment(py, &made)
}

/// The header of a segment.
#[pyfunction]
pub(crate) fn read_journal(py: Python<'_>, path: PathBuf) -> PyResult<Bound<'_, PyDict>> {
    let segment = released(py, || Ok(read_segment(&path)?))?;
    describe_segment(py, &segment)
}

/// Reads a whole segment, and gives the hashes of some revisions.
#[pyfunction]
pub(crate) fn check_journal(
    py: Python<'_>,
    path: PathBuf,
    revisions: Vec<u64>,
) -> PyResult<Bound<'_, PyDict>> {
    let (segment, hashes) = released(py, || Ok(check_segment(&path, &revisions)?))?;
    let dict = describe_segment(py, &segment)?;
    dict.set_item("hashes", describe_hashes(py, &hashes)?)?;
    Ok(dict)
}

/// Walks along the chain of a store's or a snapshot's journal, and gives the hashes of some revisions.
#[pyfunction]
pub(crate) fn audit_journal(
    py: Python<'_>,
    store: PathBuf,
    revisions: Vec<u64>,
) -> PyResult<Bound<'_, PyDict>> {
    let found = released(py, || Ok(Onlooker::open(&store)?.audit(&revisions)?))?;
    let Audit { first_revision, head, sound_revision, broken, hashes } = found;
    let dict = describe_head(py, &head)?;
    dict.set_item("first_revision", first_revision)?;
    dict.set_item("sound_revision", sound_revision)?;
    dict.set_item("broken", broken)?;
    dict.set_item("hashes", describe_hashes(py, &hashes)?)?;
    Ok(dict)
}

fn hash(bytes: &[u8]) -> Result<Hash, Failure> {
    bytes.try_into().map_err(|_| Failure::argument("before", "must be a hash of 32 bytes"))
}

fn describe_head<'py>(py: Python<'py>, head: &Head) -> PyResult<Bound<'py, PyDict>> {
    let dict = PyDict::new(py);
    dict.set_item("revision", head.revision)?;
    dict.set_item("first_revision", head.first_revision)?;
    dict.set_item("time_ms", head.time_ms)?;
    dict.set_item("hash", PyBytes::new(py, &head.hash))?;
    Ok(dict)
}

fn describe_segment<'py>(py: Python<'py>, segment: &Segment) -> PyResult<Bound<'py, PyDict>> {
    let dict = PyDict::new(py);
    dict.set_item("name", segment.file_name())?;
    dict.set_item("merges", segment.merges)?;
    dict.set_item("first_revision", segment.first_revision)?;
    dict.set_item("last_revision", segment.last_revision)?;
    dict.set_item("first_ms", segment.first_ms)?;
    dict.set_item("last_ms", segment.last_ms)?;
    dict.set_item("before", PyBytes::new(py, &segment.before))?;
    dict.set_item("hash", PyBytes::new(py, &segment.hash))?;
    dict.set_item("bytes", segment.length)?;
    Ok(dict)
}

fn describe_hashes<'py>(py: Python<'py>, hashes: &[(u64, Hash)]) -> PyResult<Bound<'py, PyDict>> {
    let dict = PyDict::new(py);
    for (revision, hash) in hashes {
        dict.set_item(revision, PyBytes::new(py, hash))?;
    }
    Ok(dict)
}
