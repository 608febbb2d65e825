//! What people do: they want something, ask until they are told, ask twice, lose answers, and use an id for something else.

use kasir_core::{Command, Reason, Refusal};
use kasir_store::{Answer, JournalRecord, Request, RequestId, Store};

use super::check::{Lacked, Sent};
use super::control::Control;
use super::disk;
use super::life::{Life, Phase};
use super::trace::traced;
use super::{shop, time};

const METHOD: &str = "/kasir.v1.Sim/Command";

/// Who is told what: a request as it was sent once.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ticket {
    id: RequestId,
    /// Which of the openings it was sent in.
    opening: usize,
    /// The last revision when it was sent.
    revision: u64,
    /// Another command under an id that was used.
    misused: bool,
}

/// Somebody at work, with what they want and were not told of yet. It is written down: a crash of the store is none of theirs.
#[derive(Debug)]
pub(crate) struct Client {
    pub(crate) name: String,
    pub(crate) wants: Option<Want>,
}

#[derive(Debug)]
pub(crate) struct Want {
    number: u64,
    id: RequestId,
    command: Command,
    /// So many are under way.
    pub(crate) sent: usize,
}

impl Life {
    /// Somebody does something.
    pub(crate) fn act(&mut self, store: &Store<Ticket>) {
        match self.phase {
            Phase::Trade | Phase::Settle => {
                let number = self.dice.usize(0..self.clients.len());
                if self.clients[number].wants.is_none() {
                    self.want_something(number);
                }
                self.send(number, store);
                if self.phase == Phase::Trade && self.wants_left == 0 {
                    self.phase = Phase::Settle;
                }
                if self.phase == Phase::Settle && self.clients.iter().all(|client| client.wants.is_none()) {
                    self.phase = Phase::Repeat;
                    self.to_repeat = self.answered();
                    disk::with(|disk| disk.break_by(None));
                }
            }
            Phase::Repeat => match self.to_repeat.pop() {
                Some(id) if self.dice.bool() => self.repeat(id, store),
                Some(_) => {}
                None => self.phase = Phase::Wait,
            },
            Phase::Wait => {}
        }
    }

    fn want_something(&mut self, number: usize) {
        if self.phase != Phase::Trade {
            return;
        }
        // The shop is opened by one, step by step, before others come.
        let opens = !self.opening.is_empty();
        if opens && number != 0 {
            return;
        }
        let command = match self.opening.pop_front() {
            Some(command) => command,
            None if self.clients[0].wants.as_ref().is_some_and(|want| want.number <= self.to_open) => return,
            None => {
                self.wants_left = self.wants_left.saturating_sub(1);
                shop::next(&mut self.dice, &self.board, time::clock_ms())
            }
        };
        self.want += 1;
        let (number_of, id) = (self.want, self.fresh_id());
        self.clients[number].wants = Some(Want { number: number_of, id, command, sent: 0 });
    }

    /// Somebody asks for what they want, perhaps not for the first time.
    fn send(&mut self, number: usize, store: &Store<Ticket>) {
        if self.clients[number].wants.as_ref().is_none_or(|want| want.sent > 0 && self.dice.u8(0..8) > 0) {
            if self.dice.u8(0..4) == 0 {
                self.ask_again(store);
            }
            return;
        }
        if self.control == Some(Control::NewId) {
            let id = self.fresh_id();
            self.clients[number].wants.iter_mut().for_each(|want| want.id = id);
        }
        let times = if self.dice.u8(0..10) == 0 { 2 } else { 1 };
        let client = &mut self.clients[number];
        let Some(want) = &mut client.wants else { return };
        want.sent += times;
        let sent = Sent {
            command: want.command.clone(),
            actor: client.name.clone(),
            want: want.number,
            reply: None,
            under_way: 0,
            forgotten: false,
        };
        let sent = self.ledger.sent.entry(want.id).or_insert(sent);
        traced!("{} asks {times} times: {:?}", client.name, want.command);
        let ticket =
            Ticket { id: want.id, opening: self.openings, revision: store.revision(), misused: false };
        for _ in 0..times {
            submit(store, ticket, sent, &want.command);
        }
    }

    /// Something that was answered is asked again, or its id is used for something else.
    fn ask_again(&mut self, store: &Store<Ticket>) {
        let answered = self.answered();
        if answered.is_empty() {
            return;
        }
        let id = answered[self.dice.usize(0..answered.len())];
        if self.dice.u8(0..3) > 0 {
            return self.repeat(id, store);
        }
        traced!("an id is used for something else");
        let Some(sent) = self.ledger.sent.get_mut(&id) else { return };
        let other = Command::CancelBooking { order_id: kasir_core::ids::OrderId(1), reason: "lain".into() };
        submit(
            store,
            Ticket { id, opening: self.openings, revision: store.revision(), misused: true },
            sent,
            &other,
        );
    }

    fn repeat(&mut self, id: RequestId, store: &Store<Ticket>) {
        let Some(sent) = self.ledger.sent.get_mut(&id).filter(|sent| !sent.forgotten) else { return };
        let ticket = Ticket { id, opening: self.openings, revision: store.revision(), misused: false };
        let command = sent.command.clone();
        submit(store, ticket, sent, &command);
    }

    /// Requests that were answered, and are remembered.
    fn answered(&self) -> Vec<RequestId> {
        let answered = self.ledger.sent.iter().filter(|(_, sent)| sent.reply.is_some() && !sent.forgotten);
        answered.map(|(id, _)| *id).collect()
    }

    /// The shop forgets the beginning of its journal, as far as nobody asks for any of it any more.
    pub(crate) fn forget(&mut self, store: &Store<Ticket>) {
        if let Some((before, told)) = &self.forgetting {
            let before = *before;
            match told.try_recv() {
                Ok(Ok(0)) => {
                    traced!("forgotten before {before}");
                    self.ledger.surely_forgotten = self.ledger.surely_forgotten.max(before);
                    self.forgetting = None;
                }
                Ok(Ok(_)) => self.forgetting = store.trim_some(before).ok().map(|told| (before, told)),
                Ok(Err(_)) => self.forgetting = None,
                Err(_) => {}
            }
            return;
        }
        let wanted: Vec<RequestId> =
            self.clients.iter().filter_map(|client| client.wants.as_ref()).map(|want| want.id).collect();
        let is_done = |record: &&JournalRecord| {
            let Ok(id) = RequestId::try_from(record.request_id.as_slice()) else { return true };
            let sent = self.ledger.sent.get(&id);
            !wanted.contains(&id) && sent.is_some_and(|sent| sent.reply.is_some() && sent.under_way == 0)
        };
        let done = self.ledger.records.iter().take_while(is_done).count();
        let before = self.dice.usize(0..=done) as u64 + 1;
        if before <= self.ledger.to_forget.max(1) {
            return;
        }
        let Ok(told) = store.trim_some(before) else { return };
        traced!("to be forgotten before {before}");
        self.ledger.to_forget = before;
        for record in self.ledger.records.iter().filter(|record| record.revision < before) {
            let id = RequestId::try_from(record.request_id.as_slice()).unwrap_or_default();
            self.ledger.sent.entry(id).and_modify(|sent| sent.forgotten = true);
        }
        self.forgetting = Some((before, told));
    }

    /// Somebody was told something.
    pub(crate) fn told(&mut self, ticket: Ticket, answer: Answer, revision: u64) {
        if let Some(sent) = self.ledger.sent.get_mut(&ticket.id) {
            sent.under_way = sent.under_way.saturating_sub(1);
        }
        let wrong = match answer {
            _ if ticket.opening != self.openings => Some("an answer outlived its store".to_owned()),
            Ok(reply) => self.accepted(ticket, &reply),
            Err(refusal) => self.refused(ticket, &refusal, revision),
        };
        self.wrong = self.wrong.take().or(wrong);
    }

    fn accepted(&mut self, ticket: Ticket, reply: &[u8]) -> Option<String> {
        if ticket.misused {
            return Some("an id was used for another command, and that was accepted".into());
        }
        let sent = self.ledger.sent.get_mut(&ticket.id)?;
        if sent.reply.as_ref().is_some_and(|before| before != reply) {
            return Some(format!("asked again, another answer was given: {:?}", sent.command));
        }
        self.tally.accepted += u64::from(sent.reply.is_none());
        sent.reply = Some(reply.to_vec());
        if self.dice.u8(0..12) == 0 {
            traced!("an answer is lost");
            self.clients.iter_mut().filter_map(|client| client.wants.as_mut()).for_each(|want| {
                if want.id == ticket.id {
                    want.sent = 0;
                }
            });
            return None;
        }
        traced!("told {}", blake3::hash(reply).to_hex());
        self.board.learn(reply);
        self.is_content(ticket.id);
        None
    }

    fn refused(&mut self, ticket: Ticket, refusal: &Refusal, revision: u64) -> Option<String> {
        traced!("refused {:?}: {}", refusal.reason, refusal.message);
        match refusal.reason {
            Reason::RequestIdReused if ticket.misused => return None,
            Reason::WriterStopped | Reason::StoreFull | Reason::StoreCorrupt => {
                let why = disk::with(|disk| disk.has_failed() || disk.is_dead());
                self.clients.iter_mut().filter_map(|client| client.wants.as_mut()).for_each(|want| {
                    if want.id == ticket.id {
                        want.sent = want.sent.saturating_sub(1);
                    }
                });
                return (!why || refusal.reason == Reason::StoreCorrupt)
                    .then(|| format!("nothing is wrong with the disk, but: {}", refusal.message));
            }
            Reason::RequestIdReused => return Some("asked again, it was taken for another request".into()),
            _ => {}
        }
        // What was answered of somebody goes with their data, and with it what it was that was asked.
        let erases = |sent: &Sent| matches!(sent.command, Command::EraseCustomer { .. });
        let erased = refusal.reason == Reason::ReplyLost && self.ledger.sent.values().any(erases);
        let answered = self.ledger.sent.get(&ticket.id).is_some_and(|sent| sent.reply.is_some());
        if ticket.misused && erased {
            return None;
        }
        if ticket.misused || (answered && !erased) {
            return Some(format!("asked again, it was refused: {}", refusal.message));
        }
        self.tally.refused += 1;
        self.ledger.lacked.extend(Lacked::of(refusal, (ticket.revision, revision)));
        self.is_content(ticket.id);
        None
    }

    fn is_content(&mut self, id: RequestId) {
        for client in &mut self.clients {
            if client.wants.as_ref().is_some_and(|want| want.id == id) {
                client.wants = None;
            }
        }
    }
}

fn submit(store: &Store<Ticket>, ticket: Ticket, sent: &mut Sent, command: &Command) {
    let body = format!("{command:?}");
    let request = Request::new(METHOD, body.as_bytes(), ticket.id, &sent.actor, command.clone());
    match store.submit(request, ticket) {
        Ok(()) => sent.under_way += 1,
        // A queue that is full, or a writer that has stopped: they ask again.
        Err(refusal) => traced!("not taken: {:?}", refusal.reason),
    }
}
