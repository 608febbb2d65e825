//! What one write transaction carries out: deadlines that fell due and commands, one after another.

use kasir_core::deadlines::due;
use kasir_core::ids::CustomerId;
use kasir_core::kv::SHARD;
use kasir_core::refusal::Stop;
use kasir_core::{CLOCK_ACTOR, Context, Event, Fault, Reason, Refusal, execute, expire_due, expire_named};

use crate::changed::Kinds;
use crate::clock::Clock;
use crate::failure::{Failure, fenced, unknown};
use crate::log::{Appended, CommandLog, LogEntry, Place};
use crate::record::{DEADLINES_METHOD, Head, JournalRecord, RequestRecord, request_key};
use crate::request::{Answer, Encoder, Request};
use crate::schema::OwnTable;
use crate::sealing::{Repeated, Sealed, Sealer, repeated};
use crate::txn::Writer;
use crate::wal::Frame;
use crate::world::World;

/// What the store counts of a batch.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) accepted: u64,
    pub(crate) refused: u64,
    pub(crate) repeated: u64,
    pub(crate) expired: u64,
}

/// A batch on its way through a transaction. What it decides is durable, and may be told, after the commit only.
pub(crate) struct Batch<'b, 's> {
    txn: &'b mut Writer<'s>,
    means: Means<'b>,
    /// What of it is to be written ahead.
    frame: Frame,
    /// Where the journal ends with it.
    head: Head,
    /// The last stamp given.
    now_ms: i64,
    /// Deadlines that this batch may end by their turn, has ended, and has made by its commands.
    expiries_most: usize,
    expiries: usize,
    made: usize,
    changed: Kinds,
    tally: Tally,
}

/// What a batch is decided, told and logged with.
#[derive(Clone, Copy)]
pub(crate) struct Means<'b> {
    pub(crate) encoder: &'b dyn Encoder,
    pub(crate) log: &'b dyn CommandLog,
    pub(crate) clock: &'b dyn Clock,
    pub(crate) world: Option<&'b dyn World>,
}

/// What a batch came to.
pub(crate) struct Decided {
    /// What is to be written ahead: empty when nothing was new.
    pub(crate) frame: Frame,
    /// Where the journal ends with it.
    pub(crate) head: Head,
    /// The last stamp.
    pub(crate) now_ms: i64,
    pub(crate) tally: Tally,
    /// What kinds of things it changed.
    pub(crate) changed: Kinds,
}

impl<'b, 's> Batch<'b, 's> {
    /// A batch that follows `head`, with no stamp before `now_ms`, whose records go into `frame`. It ends at most
    /// `expiries_most` deadlines, or as many as it makes.
    pub(crate) fn new(
        txn: &'b mut Writer<'s>,
        means: Means<'b>,
        mut frame: Frame,
        head: Head,
        now_ms: i64,
        expiries_most: usize,
    ) -> Self {
        frame.begin(&head);
        Self {
            txn,
            means,
            frame,
            head,
            now_ms: now_ms.max(head.time_ms),
            expiries_most,
            expiries: 0,
            made: 0,
            changed: Kinds::default(),
            tally: Tally::default(),
        }
    }

    /// Ends it. While deadlines are due, a batch ends as many as it made, so that they do not pile up, whatever the load.
    pub(crate) fn finish(mut self) -> Result<Decided, Failure> {
        if self.made > self.expiries_most {
            self.settle_due(self.made)?;
        }
        let Self { frame, head, now_ms, tally, changed, .. } = self;
        Ok(Decided { frame, head, now_ms, tally, changed })
    }

    /// Ends what fell due up to now: at most `step` deadlines, as far as this batch may. Returns whether it ended so many.
    pub(crate) fn settle_due(&mut self, step: usize) -> Result<bool, Failure> {
        self.now_ms = self.means.clock.now_ms().max(self.now_ms);
        let left = self.expiries_most.max(self.made).saturating_sub(self.expiries).min(step);
        if left == 0 || !self.txn.may_be_due(self.now_ms)? {
            return Ok(false);
        }
        let fallen = due(&*self.txn, self.now_ms, left)?.len();
        if fallen == 0 {
            return Ok(false);
        }
        let context = Context { now_ms: self.now_ms, actor: CLOCK_ACTOR };
        let events = expire_due(self.txn, &context, fallen)?;
        if events.is_empty() {
            // It would fall due for ever.
            return Err(Fault::Corrupt(format!("{fallen} deadlines fell due and end nothing")).into());
        }
        self.expiries += fallen;
        self.tally.expired += fallen as u64;
        self.log_deadlines(events)?;
        Ok(fallen == step)
    }

    /// Carries a command out, or says why not. A refused one changes nothing.
    pub(crate) fn carry_out(&mut self, request: &Request) -> Result<Answer, Failure> {
        self.settle_due(usize::MAX)?;
        if let Some(answer) = self.repeated(request)? {
            return Ok(answer);
        }
        let due = Context { now_ms: self.now_ms, actor: CLOCK_ACTOR };
        let named = expire_named(self.txn, &request.command, &due)?;
        let expired = named.iter().filter(|event| matches!(event, Event::OrderExpired { .. })).count();
        self.tally.expired += expired as u64;
        self.log_deadlines(named)?;
        let context = Context { now_ms: self.now_ms, actor: &request.actor };
        let made = self.txn.deadlines_made();
        let executed = match execute(self.txn, &request.command, &context) {
            Ok(executed) => executed,
            Err(Stop::Refused(refusal)) => {
                self.tally.refused += 1;
                return Ok(Err(refusal));
            }
            Err(Stop::Fault(fault)) => return Err(fault.into()),
        };
        let about = executed.reply.customers(&*self.txn)?;
        let reply = self.means.encoder.encode(request.method, executed.reply, &*self.txn)?;
        self.made += self.txn.deadlines_made() - made;
        self.log_request(request, executed.events, &about, reply.clone())?;
        self.tally.accepted += 1;
        Ok(Ok(reply))
    }

    /// The answer to a request that was carried out before, in this batch or an earlier one.
    fn repeated(&mut self, request: &Request) -> Result<Option<Answer>, Fault> {
        let kept = self.txn.own(OwnTable::Requests, request_key(&request.id).as_slice())?;
        let earlier = match kept.map(RequestRecord::read).transpose() {
            // Nothing is built upon a reply: who asks for it hears that it is lost, and the others go on.
            Err(Fault::Corrupt(what)) => return Ok(Some(Err(damaged(&what)))),
            found => found?,
        };
        let Some(earlier) = earlier else { return Ok(None) };
        let method = earlier.method.clone();
        let told = repeated(&*self.txn, earlier, &request.hash);
        if matches!(told, Ok(Repeated::Other)) {
            self.tally.refused += 1;
        } else {
            self.tally.repeated += 1;
        }
        Ok(Some(match told {
            Ok(Repeated::Same(reply)) => Ok(reply),
            Ok(Repeated::Other) => Err(reused(&method)),
            Ok(Repeated::Erased) => Err(erased()),
            Err(Fault::Corrupt(what)) => Err(damaged(&what)),
            Err(fault) => return Err(fault),
        }))
    }

    fn log_deadlines(&mut self, mut events: Vec<Event>) -> Result<(), Failure> {
        if events.is_empty() {
            return Ok(());
        }
        let mut sealer = Sealer::new(self.txn, self.means.world, self.head.revision + 1);
        let (sealed, made) = (sealer.texts(&mut events)?, sealer.made);
        let record = self.record(CLOCK_ACTOR, DEADLINES_METHOD, Vec::new(), events, sealed);
        self.log(LogEntry { record, request: None, made })
    }

    /// Logs an accepted command, also one that found nothing to do: each is one record, so that the journal knows of
    /// every request that has a reply.
    fn log_request(
        &mut self,
        request: &Request,
        mut events: Vec<Event>,
        about: &[CustomerId],
        reply: Vec<u8>,
    ) -> Result<(), Failure> {
        let mut sealer = Sealer::new(self.txn, self.means.world, self.head.revision + 1);
        let sealed = sealer.texts(&mut events)?;
        let (under, reply, hash) = sealer.reply(about, reply, request.hash)?;
        let made = sealer.made;
        let record = self.record(&request.actor, request.method, request.id.to_vec(), events, sealed);
        let kept = RequestRecord {
            revision: record.revision,
            time_ms: record.time_ms,
            method: record.method.clone(),
            hash,
            reply,
            under,
            sum: 0,
        }
        .summed();
        self.log(LogEntry { record, request: Some(kept), made })
    }

    /// Logs a record as soon as it is decided: when the batch before is durable this one only has to be written.
    fn log(&mut self, entry: LogEntry) -> Result<(), Failure> {
        let place = Place { shard: SHARD, epoch: self.head.epoch, expected_revision: self.head.revision };
        self.changed |= Kinds::of(&entry);
        self.head = match self.means.log.append(self.txn, place, &[entry], &mut self.frame)? {
            Appended::Committed(head) => head,
            Appended::Fenced(head) => return Err(Failure::Stop(fenced(&head))),
            Appended::Unknown(what) => return Err(Failure::Stop(unknown(&what))),
        };
        Ok(())
    }

    fn record(
        &self,
        actor: &str,
        method: &str,
        request_id: Vec<u8>,
        events: Vec<Event>,
        sealed: Vec<Sealed>,
    ) -> JournalRecord {
        JournalRecord {
            revision: self.head.revision + 1,
            time_ms: self.now_ms,
            actor: actor.to_owned(),
            method: method.to_owned(),
            request_id,
            events,
            sealed,
        }
    }
}

fn reused(method: &str) -> Refusal {
    let message = "This request id was used for another request. A new request needs a new id.";
    Refusal::new(Reason::RequestIdReused, message).with("method", method)
}

/// It was carried out, and what it answered told of somebody whose data were erased since.
fn erased() -> Refusal {
    let message = "This was carried out; what it answered was erased with the customer's data.";
    Refusal::new(Reason::ReplyLost, message)
}

/// It was carried out, and nobody can say any more what it answered.
fn damaged(what: &str) -> Refusal {
    Refusal::new(Reason::ReplyLost, format!("This was carried out; what it answered is damaged: {what}."))
}
