//! What Python is told when something does not happen: one shape for refusals and for stores that cannot be used.

use kasir_core::{Reason, Refusal, Stop};
use kasir_store::StoreError;
use kasir_transport::Code;

/// An `engine.errors.EngineError` to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    /// The gRPC status.
    pub(crate) code: u8,
    /// The name programs compare.
    pub(crate) reason: &'static str,
    /// Plain words for staff.
    pub(crate) message: String,
    /// Facts by name.
    pub(crate) details: Vec<(&'static str, String)>,
}

impl Failure {
    /// No such method, or not here: `kind` is "command" or "query".
    pub(crate) fn method_unknown(kind: &str, method: &str) -> Self {
        let shown: String = method.chars().take(120).collect();
        let refusal = Refusal::new(Reason::MethodUnknown, format!("The engine has no {kind} {shown}."));
        refusal.with("method", shown).into()
    }

    /// An argument that is not one of the contract's fields, but named like one.
    pub(crate) fn argument(name: &str, problem: &str) -> Self {
        Refusal::field(Reason::FieldOutOfRange, name, format!("{name} {problem}.")).into()
    }

    /// The engine was closed.
    pub(crate) fn closed() -> Self {
        Refusal::new(Reason::WriterStopped, "The engine is closed.").into()
    }

    /// The program made a mistake; nothing was changed.
    pub(crate) fn internal(message: &str) -> Self {
        Self { code: Code::Internal as u8, reason: "INTERNAL", message: message.into(), details: Vec::new() }
    }

    /// A child process works with what its parent opened.
    pub(crate) fn forked() -> Self {
        Self {
            code: Code::FailedPrecondition as u8,
            reason: "ENGINE_FORKED",
            message:
                "This process was forked while the store was open. Start it with the spawn method instead."
                    .into(),
            details: Vec::new(),
        }
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        Self {
            code: refusal.reason.code() as u8,
            reason: refusal.reason.name(),
            message: refusal.message,
            details: refusal.details,
        }
    }
}

impl From<Stop> for Failure {
    fn from(stop: Stop) -> Self {
        kasir_store::refusal(stop).into()
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self {
            code: error.kind.code() as u8,
            reason: error.kind.name(),
            message: error.message,
            details: Vec::new(),
        }
    }
}
