//! The table of who is let in, as Python fills it.

use std::collections::HashMap;
use std::sync::Arc;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::access::{Access, Given, Rank, Rules};
use crate::engine::Engine;
use crate::places::{Kind, Place};

/// A method's name, the record that an id is of, its path, whether it may be missing, whether it is a list.
pub(crate) type PlaceRow = (String, String, Vec<u32>, bool, bool);
/// Method, why, actor, device, peer, how often, first when (Unix milliseconds).
type DenialRow = (String, &'static str, String, String, String, u64, i64);

/// What is fixed when the server starts: methods by number, those without a role, and where each takes place.
pub(crate) fn access(
    engine: Arc<Engine>,
    names: &[String],
    sets: [&[String]; 3],
    places: Vec<PlaceRow>,
    scopes: Vec<(String, String)>,
) -> PyResult<Arc<Access>> {
    let numbers: HashMap<String, usize> =
        names.iter().enumerate().map(|(number, name)| (name.clone(), number)).collect();
    let places = places.into_iter().map(|(method, record, path, optional, repeated)| {
        let kind = Kind::named(&record);
        let kind = kind.ok_or_else(|| PyValueError::new_err(format!("{record} has no location")))?;
        Ok((method, Place { kind, path, optional, repeated }))
    });
    let places = places.collect::<PyResult<Vec<_>>>()?;
    Ok(Arc::new(Access::new(Rules::new(engine, numbers, sets, places, scopes))))
}

/// `engine.rpc.Given`: what somebody may do.
#[derive(FromPyObject)]
struct GivenRow {
    actor: String,
    device: String,
    methods: Vec<String>,
    locations: Option<Vec<u64>>,
    expires_ms: i64,
    per_second: u32,
    rank: String,
}

impl GivenRow {
    fn given(self) -> PyResult<Given> {
        let Self { actor, device, methods, locations, expires_ms, per_second, rank } = self;
        let rank = Rank::named(&rank).ok_or_else(|| PyValueError::new_err(format!("{rank} is no rank")))?;
        Ok(Given { actor, device, methods, locations, expires_ms, per_second, rank })
    }
}

/// Who is let in by a server. Every method may be called from any thread, while calls come in.
#[pyclass(frozen, module = "engine._core")]
pub(crate) struct RpcAccess {
    pub(crate) access: Arc<Access>,
    pub(crate) names: Vec<String>,
}

#[pymethods]
impl RpcAccess {
    /// A certificate with this SHA-256 is good, and lets programs at the device call these methods.
    fn set_device(&self, fingerprint: [u8; 32], given: GivenRow) -> PyResult<()> {
        self.access.set_device(fingerprint, given.given()?);
        Ok(())
    }

    /// A device is out, and whoever is logged in there.
    fn remove_device(&self, device: &str) {
        self.access.remove_device(device);
    }

    /// Lets whoever has the token with this SHA-256 call these methods; at one device, unless it is "".
    fn set_token(&self, token: [u8; 32], given: GivenRow) -> PyResult<()> {
        self.access.set_token(token, given.given()?);
        Ok(())
    }

    /// A token lasts until then; false: there is none.
    fn renew_token(&self, token: [u8; 32], expires_ms: i64) -> bool {
        self.access.renew_token(&token, expires_ms)
    }

    /// A token is void.
    fn remove_token(&self, token: [u8; 32]) {
        self.access.remove_token(&token);
    }

    /// Whoever is logged in at the device may send what `actor` did there, as `actor`, where both of them work. Nobody does
    /// for who is of a higher rank.
    fn set_stand_in(&self, given: GivenRow) -> PyResult<()> {
        self.access.set_stand_in(given.given()?);
        Ok(())
    }

    /// Every token of somebody is void, and nobody stands in for them.
    fn remove_actor(&self, actor: &str) {
        self.access.remove_actor(actor);
    }

    /// What was refused since the last time; and how many refusals more than could be kept.
    fn take_denials(&self) -> (Vec<DenialRow>, u64) {
        let (rows, dropped) = self.access.take_denials();
        let told = |(denial, count, since): (crate::denials::Denial, u64, i64)| {
            let method = self.names.get(denial.method).cloned().unwrap_or_default();
            let words = denial.words;
            let peer = denial.peer.map(|peer| peer.to_string()).unwrap_or_default();
            (method, words, denial.actor, denial.device, peer, count, since)
        };
        (rows.into_iter().map(told).collect(), dropped)
    }
}
