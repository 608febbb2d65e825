//! Who is let in: devices by their certificates, people and programs by tokens, each with a set of methods and of locations.
//!
//! The table is Python's (`server/access`), pushed here row by row; a call costs a lookup. Nothing here is kept on a disk, and
//! of a token only its hash is known. What is refused is counted for the log of access, by who and why.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

use http::HeaderMap;
use http::header::AUTHORIZATION;
use kasir_core::Reason;
use kasir_transport::metadata::values;
use kasir_transport::{Admission, Asked, Caller, Identity, Status, lock};
use sha2::{Digest, Sha256};

use crate::answers::{ACTOR_KEY, said};
use crate::denials::{Denial, Denials, Denied, ID_TAKEN};
use crate::engine::Engine;
use crate::failure::Failure;
use crate::places::{Place, Unread};

const BEARER: &str = "Bearer ";
/// Who is counted for a method that is open to strangers.
const STRANGER: Caller = Caller::Borrowed("stranger");

/// SHA-256.
pub(crate) fn hash(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

/// Methods by their place in the server's table.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct MethodSet(Vec<u64>);

impl MethodSet {
    fn has(&self, method: usize) -> bool {
        self.0.get(method / 64).is_some_and(|word| word & (1 << (method % 64)) != 0)
    }

    fn add(&mut self, method: usize) {
        if self.0.len() <= method / 64 {
            self.0.resize(method / 64 + 1, 0);
        }
        self.0[method / 64] |= 1 << (method % 64);
    }
}

/// How many calls a second: a bucket that holds two seconds' worth.
#[derive(Debug)]
struct Pace {
    per_second: f64,
    left: Mutex<(f64, Instant)>,
}

impl Pace {
    fn new(per_second: u32) -> Self {
        let per_second = f64::from(per_second);
        Self { per_second, left: Mutex::new((per_second * 2.0, Instant::now())) }
    }

    /// Takes one call; else how long it is until there is one.
    fn take(&self) -> Result<(), Duration> {
        let mut left = lock(&self.left);
        let now = Instant::now();
        let gained = now.duration_since(left.1).as_secs_f64() * self.per_second;
        *left = ((left.0 + gained).min(self.per_second * 2.0), now);
        if left.0 >= 1.0 {
            left.0 -= 1.0;
            return Ok(());
        }
        Err(Duration::from_secs_f64((1.0 - left.0) / self.per_second.max(0.1)))
    }
}

/// What somebody may do, as Python says it.
#[derive(Debug)]
pub(crate) struct Given {
    pub(crate) actor: String,
    /// The device that it is bound to; empty: none.
    pub(crate) device: String,
    /// Full names.
    pub(crate) methods: Vec<String>,
    /// `None`: everywhere.
    pub(crate) locations: Option<Vec<u64>>,
    pub(crate) expires_ms: i64,
    pub(crate) per_second: u32,
    pub(crate) rank: Rank,
}

/// Whom somebody may send for who worked at the same device: those of the own rank and below.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Rank {
    /// No person: nobody.
    Program,
    Staff,
    InCharge,
}

impl Rank {
    /// As the table of access calls it.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "program" => Self::Program,
            "staff" => Self::Staff,
            "in_charge" => Self::InCharge,
            _ => return None,
        })
    }
}

/// What somebody may do, until it ends.
#[derive(Debug)]
pub(crate) struct Grant {
    actor: String,
    device: String,
    /// The hash of the token that it goes with; `None`: the device's own.
    token: Option<[u8; 32]>,
    methods: MethodSet,
    locations: Option<Vec<u64>>,
    expires_ms: AtomicI64,
    /// One is set: it is out. Two where somebody sends for somebody.
    ended: Vec<Arc<AtomicBool>>,
    pace: Arc<Pace>,
    rank: Rank,
    rules: Arc<Rules>,
}

impl Grant {
    /// Whose call it is.
    pub(crate) fn device(&self) -> &str {
        &self.device
    }

    pub(crate) fn token(&self) -> Option<&[u8; 32]> {
        self.token.as_ref()
    }

    /// Whether it still holds: a call may last longer.
    pub(crate) fn holds(&self) -> bool {
        let is_out = self.ended.iter().any(|ended| ended.load(Ordering::Acquire));
        !is_out && self.rules.engine.now_ms() < self.expires_ms.load(Ordering::Acquire)
    }

    /// What somebody did, as `sender` may send it: where both of them work, at the sender's pace, until either is out.
    fn sent_by(&self, sender: &Self) -> Self {
        let ends = |grant: &Self| grant.expires_ms.load(Ordering::Acquire);
        Self {
            actor: self.actor.clone(),
            device: self.device.clone(),
            token: None,
            methods: self.methods.clone(),
            locations: both(self.locations.as_deref(), sender.locations.as_deref()),
            expires_ms: AtomicI64::new(ends(self).min(ends(sender))),
            ended: self.ended.iter().chain(&sender.ended).map(Arc::clone).collect(),
            pace: Arc::clone(&sender.pace),
            rank: self.rank,
            rules: Arc::clone(&self.rules),
        }
    }

    /// Whether another one says the same, but for when it ends.
    fn allows_as(&self, other: &Self) -> bool {
        let said = |grant: &Self| (grant.rank, grant.pace.per_second.to_bits());
        (&self.actor, &self.device, &self.methods, &self.locations, said(self))
            == (&other.actor, &other.device, &other.methods, &other.locations, said(other))
    }

    fn end(&self) {
        for ended in &self.ended {
            ended.store(true, Ordering::Release);
        }
    }

    fn deny(&self, asked: &Asked<'_>, reason: Denied) -> Status {
        self.rules.deny(asked.method, reason, &self.actor, &self.device, Some(asked.peer.address.ip()))
    }

    /// Refuses one call too many of a second.
    fn slow_down(&self, asked: &Asked<'_>, wait: Duration) -> Status {
        let why = Denied::Pace;
        let (actor, device) = (self.actor.clone(), self.device.clone());
        let peer = Some(asked.peer.address.ip());
        self.rules.note(Denial { method: asked.method, words: why.words(), actor, device, peer });
        let (refused, words) = why.refused();
        said(refused, words, &[("retry_ms", &wait.as_millis().max(1).to_string())])
    }

    /// Takes one call of the pace; else how long to wait.
    pub(crate) fn pace(&self) -> Result<(), Duration> {
        self.pace.take()
    }

    /// Refuses what a call of many requests may not: it ended, or the method of this name is not among those it has, or the
    /// request takes place where it is not allowed.
    pub(crate) fn check_command(&self, name: &str, request: &[u8]) -> Result<(), Status> {
        let method = self.number_of(name);
        let allowed = method.filter(|method| self.methods.has(*method));
        match allowed {
            Some(method) if self.holds() => self.check_places(method, request),
            _ => {
                let why = if self.holds() { Denied::Role } else { Denied::Ended };
                Err(self.rules.deny(method.unwrap_or_default(), why, &self.actor, &self.device, None))
            }
        }
    }

    /// The place of a method in the server's table.
    pub(crate) fn number_of(&self, name: &str) -> Option<usize> {
        self.rules.numbers.get(name).copied()
    }

    /// Refuses a request that takes place where this is not allowed.
    pub(crate) fn check_places(&self, method: usize, request: &[u8]) -> Result<(), Status> {
        let (Some(allowed), Some(places)) = (&self.locations, self.rules.places.get(method)) else {
            return Ok(());
        };
        for place in places {
            if !self.rules.fits(place, request, allowed)? {
                return Err(self.rules.deny(method, Denied::Location, &self.actor, &self.device, None));
            }
        }
        Ok(())
    }
}

/// What is fixed when the server starts, and what is refused.
pub(crate) struct Rules {
    numbers: HashMap<String, usize>,
    strangers: MethodSet,
    devices: MethodSet,
    deferred: MethodSet,
    places: Vec<Vec<Place>>,
    engine: Arc<Engine>,
    denials: Mutex<Denials>,
}

impl std::fmt::Debug for Rules {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Rules").finish_non_exhaustive()
    }
}

impl Rules {
    /// `numbers` is the server's table; the others are names in it. What it does not have is nothing to let anybody in to.
    pub(crate) fn new(
        engine: Arc<Engine>,
        numbers: HashMap<String, usize>,
        [strangers, devices, deferred]: [&[String]; 3],
        places: Vec<(String, Place)>,
    ) -> Self {
        let set = |names: &[String]| method_set(&numbers, names);
        let (strangers, devices, deferred) = (set(strangers), set(devices), set(deferred));
        let mut by_method: Vec<Vec<Place>> = Vec::new();
        by_method.resize_with(numbers.len(), Vec::new);
        for (name, place) in places {
            if let Some(number) = numbers.get(&name) {
                by_method[*number].push(place);
            }
        }
        Self { numbers, strangers, devices, deferred, places: by_method, engine, denials: Mutex::default() }
    }

    /// Whether all that a field names is allowed. What is no message is not.
    ///
    /// # Errors
    /// Too many different ids, or a store that cannot be read.
    fn fits(&self, place: &Place, request: &[u8], allowed: &[u64]) -> Result<bool, Status> {
        let mut ids = match place.ids(request) {
            Ok(ids) => ids,
            Err(Unread::Malformed) => return Ok(false),
            Err(Unread::TooMany(max)) => return Err(Unread::too_many(max).into()),
        };
        let named = ids.len();
        ids.retain(|id| *id != 0);
        let lacks = ids.len() < named;
        Ok((place.optional || !lacks) && self.engine.is_within(place.kind, &ids, allowed)?)
    }

    fn deny(&self, method: usize, why: Denied, actor: &str, device: &str, peer: Option<IpAddr>) -> Status {
        let (actor, device) = (actor.to_owned(), device.to_owned());
        self.note(Denial { method, words: why.words(), actor, device, peer });
        let (refused, words) = why.refused();
        said(refused, words, &[])
    }

    fn note(&self, denial: Denial) {
        lock(&self.denials).note(denial, self.engine.now_ms());
    }
}

fn method_set(numbers: &HashMap<String, usize>, names: &[String]) -> MethodSet {
    let mut set = MethodSet::default();
    for number in names.iter().filter_map(|name| numbers.get(name)) {
        set.add(*number);
    }
    set
}

#[derive(Debug, Default)]
struct Table {
    /// Certificates that are good.
    devices: HashMap<Identity, Arc<Grant>>,
    /// By the hash of their token: sessions, and other programs' keys.
    tokens: HashMap<[u8; 32], Arc<Grant>>,
    /// Who worked at a device lately: what they did there it may send later.
    stand_ins: HashMap<(String, String), Arc<Grant>>,
}

/// Who is let in.
#[derive(Debug)]
pub(crate) struct Access {
    rules: Arc<Rules>,
    table: RwLock<Table>,
}

impl Access {
    pub(crate) fn new(rules: Rules) -> Self {
        Self { rules: Arc::new(rules), table: RwLock::default() }
    }

    fn grant(&self, given: Given, token: Option<[u8; 32]>) -> Arc<Grant> {
        Arc::new(Grant {
            methods: method_set(&self.rules.numbers, &given.methods),
            actor: given.actor,
            device: given.device,
            token,
            locations: given.locations,
            expires_ms: AtomicI64::new(given.expires_ms),
            ended: vec![Arc::default()],
            pace: Arc::new(Pace::new(given.per_second)),
            rank: given.rank,
            rules: Arc::clone(&self.rules),
        })
    }

    fn change<R>(&self, change: impl FnOnce(&mut Table) -> R) -> R {
        change(&mut self.table.write().unwrap_or_else(PoisonError::into_inner))
    }

    /// A certificate is good.
    pub(crate) fn set_device(&self, identity: Identity, given: Given) {
        let grant = self.grant(given, None);
        self.change(|table| put(&mut table.devices, identity, grant));
    }

    /// A device is out: its certificates, and whoever is logged in there.
    pub(crate) fn remove_device(&self, name: &str) {
        self.change(|table| {
            table.devices.retain(|_, grant| ended(grant, grant.device == name));
            table.tokens.retain(|_, grant| ended(grant, grant.device == name));
            table.stand_ins.retain(|(device, _), grant| ended(grant, device == name));
        });
    }

    /// Who has the token with this hash.
    pub(crate) fn set_token(&self, token: [u8; 32], given: Given) {
        let grant = self.grant(given, Some(token));
        self.change(|table| put(&mut table.tokens, token, grant));
    }

    /// A session lasts on; false: there is none.
    pub(crate) fn renew_token(&self, token: &[u8; 32], expires_ms: i64) -> bool {
        self.change(|table| {
            table
                .tokens
                .get(token)
                .map(|grant| grant.expires_ms.store(expires_ms, Ordering::Release))
                .is_some()
        })
    }

    /// A token is void.
    pub(crate) fn remove_token(&self, token: &[u8; 32]) {
        if let Some(grant) = self.change(|table| table.tokens.remove(token)) {
            grant.end();
        }
    }

    /// What somebody did at a device may be sent from there later, by whoever is logged in then.
    pub(crate) fn set_stand_in(&self, given: Given) {
        let grant = self.grant(given, None);
        self.change(|table| table.stand_ins.insert((grant.device.clone(), grant.actor.clone()), grant));
    }

    /// Nothing more of a person is taken from a device that was there.
    pub(crate) fn remove_actor(&self, actor: &str) {
        self.change(|table| {
            table.tokens.retain(|_, grant| ended(grant, grant.actor == actor));
            table.stand_ins.retain(|(_, name), grant| ended(grant, name == actor));
        });
    }

    /// Who calls; or the refusal.
    pub(crate) fn admit(&self, asked: &Asked<'_>) -> Result<Admission, Status> {
        let rules = &self.rules;
        let (method, from) = (asked.method, Some(asked.peer.address.ip()));
        if rules.strangers.has(method) {
            return Ok(Admission { caller: STRANGER, grant: None });
        }
        let table = self.table.read().unwrap_or_else(PoisonError::into_inner);
        let device = asked.peer.identity.and_then(|shown| table.devices.get(&shown));
        let device = device.filter(|device| device.holds());
        let token = if rules.devices.has(method) { None } else { bearer(asked.headers) };
        let Some(token) = token else {
            let Some(device) = device else {
                return Err(rules.deny(method, Denied::NoDevice, "", "", from));
            };
            if !device.methods.has(method) {
                return Err(device.deny(asked, Denied::NoSession));
            }
            return admitted(device, asked);
        };
        let at = device.map_or("", |device| device.device.as_str());
        let Some(grant) = table.tokens.get(&hash(token)) else {
            return Err(rules.deny(method, Denied::UnknownToken, "", at, from));
        };
        if !grant.holds() {
            return Err(grant.deny(asked, Denied::Ended));
        }
        if !grant.device.is_empty() && grant.device != at {
            return Err(rules.deny(method, Denied::OtherDevice, &grant.actor, at, from));
        }
        let spoken_for = table.speaks_for(grant, asked)?;
        let grant = spoken_for.as_ref().unwrap_or(grant);
        if !grant.methods.has(method) {
            return Err(grant.deny(asked, Denied::Role));
        }
        admitted(grant, asked)
    }

    /// What was refused since the last time, how often and since when; and how many more.
    pub(crate) fn take_denials(&self) -> (Vec<(Denial, u64, i64)>, u64) {
        lock(&self.rules.denials).take()
    }
}

impl Table {
    /// What a caller may send for somebody else who worked at this device before; `None`: the caller speaks for oneself.
    fn speaks_for(&self, grant: &Grant, asked: &Asked<'_>) -> Result<Option<Arc<Grant>>, Status> {
        let Some(named) = values(asked.headers, ACTOR_KEY).next() else { return Ok(None) };
        if named == grant.actor.as_bytes() {
            return Ok(None);
        }
        let other = grant.rules.deferred.has(asked.method) && !grant.device.is_empty();
        let other = other.then(|| String::from_utf8(named).ok()).flatten();
        let other = other.and_then(|name| self.stand_ins.get(&(grant.device.clone(), name)));
        match other.filter(|other| other.holds() && other.rank <= grant.rank) {
            Some(other) => Ok(Some(Arc::new(other.sent_by(grant)))),
            None => Err(grant.deny(asked, Denied::Actor)),
        }
    }
}

/// Where two may work; `None`: everywhere.
fn both(one: Option<&[u64]>, other: Option<&[u64]>) -> Option<Vec<u64>> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.iter().copied().filter(|id| other.contains(id)).collect()),
        (only, None) | (None, only) => only.map(<[u64]>::to_vec),
    }
}

fn admitted(grant: &Arc<Grant>, asked: &Asked<'_>) -> Result<Admission, Status> {
    if let Err(wait) = grant.pace() {
        return Err(grant.slow_down(asked, wait));
    }
    let caller = Caller::Owned(grant.actor.clone());
    let grant: kasir_transport::Grant = Arc::<Grant>::clone(grant);
    Ok(Admission { caller, grant: Some(grant) })
}

/// Puts a grant in the place of the one before, whose calls end; but one that allows the same lasts on until the new time.
fn put(grants: &mut HashMap<[u8; 32], Arc<Grant>>, key: [u8; 32], grant: Arc<Grant>) {
    let Some(before) = grants.get(&key) else {
        grants.insert(key, grant);
        return;
    };
    if before.allows_as(&grant) {
        before.expires_ms.store(grant.expires_ms.load(Ordering::Acquire), Ordering::Release);
        return;
    }
    before.end();
    grants.insert(key, grant);
}

/// For a table that is cleared of grants: ends one that goes, and says whether it stays.
fn ended(grant: &Grant, goes: bool) -> bool {
    if goes {
        grant.end();
    }
    !goes
}

/// The token of a call.
fn bearer(headers: &HeaderMap) -> Option<&[u8]> {
    headers.get(AUTHORIZATION)?.as_bytes().strip_prefix(BEARER.as_bytes())
}

/// Of a call that was let in, what it may do.
/// Who gave a command, for as long as it has no answer: what the engine refuses as nobody's mistake is written down.
#[derive(Debug)]
pub(crate) struct Giver {
    grant: kasir_transport::Grant,
    method: usize,
    peer: IpAddr,
}

impl Giver {
    /// `None`: nobody keeps watch.
    pub(crate) fn of(
        grant: Option<&kasir_transport::Grant>,
        method: usize,
        peer: IpAddr,
    ) -> Option<Box<Self>> {
        Some(Box::new(Self { grant: Arc::clone(grant?), method, peer }))
    }

    /// Looks at the answer.
    pub(crate) fn told(&self, answer: &Result<Vec<u8>, Failure>) {
        let Some(grant) = grant_of(Some(&self.grant)) else { return };
        if answer.as_ref().is_err_and(|failure| failure.reason == Reason::RequestIdReused.name()) {
            let (actor, device, peer) = (grant.actor.clone(), grant.device.clone(), Some(self.peer));
            grant.rules.note(Denial { method: self.method, words: ID_TAKEN, actor, device, peer });
        }
    }
}

pub(crate) fn grant_of(grant: Option<&kasir_transport::Grant>) -> Option<&Grant> {
    grant?.downcast_ref()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_together_work_where_each_of_them_does() {
        assert_eq!(both(Some(&[1, 2]), Some(&[2, 3])), Some(vec![2]));
        assert_eq!(both(Some(&[1]), Some(&[2])), Some(vec![]));
        assert_eq!(both(None, Some(&[2])), Some(vec![2]));
        assert_eq!(both(Some(&[1]), None), Some(vec![1]));
        assert_eq!(both(None, None), None);
    }

    #[test]
    fn a_set_has_what_was_added() {
        let mut set = MethodSet::default();
        assert!(!set.has(0) && !set.has(10_000));
        for method in [0, 63, 64, 200] {
            set.add(method);
        }
        let found: Vec<_> = (0..300).filter(|method| set.has(*method)).collect();
        assert_eq!(found, [0, 63, 64, 200]);
    }

    #[test]
    fn two_seconds_of_calls_are_there_at_once_and_then_one_waits() {
        let pace = Pace::new(10);
        assert!((0..20).all(|_| pace.take().is_ok()));
        let wait = pace.take().unwrap_err();
        assert!(wait <= Duration::from_millis(100), "{wait:?}");
    }

    #[test]
    fn tokens_come_as_bearers_only() {
        let mut headers = HeaderMap::new();
        assert_eq!(bearer(&headers), None);
        for (said, found) in [("Bearer abc", Some(&b"abc"[..])), ("bearer abc", None), ("Basic abc", None)] {
            headers.insert(AUTHORIZATION, said.parse().unwrap());
            assert_eq!(bearer(&headers), found, "{said}");
        }
    }
}
