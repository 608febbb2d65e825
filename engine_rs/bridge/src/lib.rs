//! Protobuf bytes in, protobuf bytes out, for the Python module `engine._core`.
//!
//! Requests of the contract become commands and queries of the core (`from_proto`, `queries`), its replies become
//! messages (`to_proto`), one table says which method is which (`methods`), and an open store answers them (`engine`).
//! Answers reach callers of the server without Python (`answers`, `stream_commands`, `status`; whom it lets in: `access`,
//! `places`), and event loops through mailboxes (`delivery`), so that no native thread ever takes the GIL. Only `python`,
//! `python_rpc`, `python_access`, `backup` and
//! `statements`, which hands banks' files over, know Python. No rule of the
//! shop stands here.

mod access;
mod answers;
mod backup;
mod contract;
mod delivery;
mod denials;
mod desks;
mod engine;
mod failure;
mod from_proto;
mod giver;
mod listening;
mod matching;
mod matching_lines;
mod methods;
mod pace;
mod places;
mod python;
mod python_access;
mod python_call;
mod python_rpc;
mod python_values;
mod queries;
mod statements;
mod status;
mod stream_commands;
mod to_proto;

/// A command makes some two hundred short-lived allocations: with the system's allocator they are a quarter of its time.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The module `engine._core`; `engine/_core.pyi` describes it.
#[pyo3::pymodule]
mod _core {
    use pyo3::prelude::*;

    #[pymodule_export]
    use crate::backup::{
        audit_journal, check_base, check_journal, merge_journal, read_journal, store_erasures, store_head,
        write_base, write_journal,
    };
    #[pymodule_export]
    use crate::matching::match_files;
    #[pymodule_export]
    use crate::python::{Completions, CoreEngine};
    #[pymodule_export]
    use crate::python_access::RpcAccess;
    #[pymodule_export]
    use crate::python_call::RpcCall;
    #[pymodule_export]
    use crate::python_rpc::{RpcServer, refusal};
    #[pymodule_export]
    use crate::statements::{
        StatementReader, fitting_mappings, format_amount, moota_signature_ok, statement_formats,
    };

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        module.add("__version__", env!("CARGO_PKG_VERSION"))
    }
}
