//! One run: a shop's people, its store, and all that befalls them, as a seed's dice fall.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use fastrand::Rng;
use kasir_core::{Command, Reason, Refusal};
use kasir_store::{
    Answer, BatchSink, Clock, Options, Request, RequestId, Runner, Sizes, Store, StoreErrorKind, World,
};

use crate::check::{Lacked, Ledger, Sent, check};
use crate::disk::{self, Control, Crash, Fault};
use crate::shop::{self, Board};
use crate::trace::traced;
use crate::{hooks, time, trace};

/// Most times that a store is opened in a run; the last times nothing is broken any more.
const OPENINGS_MAX: usize = 10;
const METHOD: &str = "/kasir.v1.Sim/Command";
const HOUR: Duration = Duration::from_secs(3_600);
/// After this everything that can end has ended.
const LONG: Duration = Duration::from_secs(2 * 24 * 3_600);

/// Who is told what: a request as it was sent once.
#[derive(Debug, Clone, Copy)]
struct Ticket {
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
struct Client {
    name: String,
    wants: Option<Want>,
}

#[derive(Debug)]
struct Want {
    number: u64,
    id: RequestId,
    command: Command,
    /// So many are under way.
    sent: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// People trade.
    Trade,
    /// They ask until all of them were told.
    Settle,
    /// Everything that was answered is asked again.
    Repeat,
    /// All deadlines pass.
    Wait,
}

/// Everything but the disk and the time.
struct Life {
    dice: Rng,
    control: Option<Control>,
    clients: Vec<Client>,
    opening: VecDeque<Command>,
    board: Board,
    ledger: Ledger,
    phase: Phase,
    /// So many wants open the shop.
    to_open: u64,
    /// So many are still to be wanted.
    wants_left: usize,
    want: u64,
    next_id: u64,
    to_repeat: Vec<RequestId>,
    openings: usize,
    store: Option<Arc<Store<Ticket>>>,
    beside: VecDeque<Box<dyn FnOnce() + Send>>,
    /// What does not hold.
    wrong: Option<String>,
    stopped: bool,
    tally: Tally,
}

/// What happened in a run, in numbers.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Tally {
    pub(crate) accepted: u64,
    pub(crate) refused: u64,
    pub(crate) crashes: u64,
    pub(crate) stops: u64,
    pub(crate) revisions: u64,
}

/// How a run ended.
#[derive(Debug, Clone)]
pub(crate) struct Ended {
    pub(crate) hash: String,
    pub(crate) wrong: Option<String>,
    pub(crate) tally: Tally,
}

thread_local! {
    static LIFE: RefCell<Option<Life>> = const { RefCell::new(None) };
}

fn with<R>(work: impl FnOnce(&mut Life) -> R) -> R {
    LIFE.with_borrow_mut(|life| work(life.as_mut().expect("a run is on")))
}

/// Plays a seed in the directory `root`, which is emptied.
pub(crate) fn play(seed: u64, control: Option<Control>, shown: bool, root: &Path) -> Ended {
    let dir = root.join("store");
    let _ = std::fs::remove_dir_all(&dir);
    let made = std::fs::create_dir_all(&dir).and_then(|()| dir.canonicalize());
    let mut dice = Rng::with_seed(seed);
    time::reset();
    trace::begin(shown);
    disk::insert(&dir, Rng::with_seed(dice.u64(..)), control);
    LIFE.set(Some(Life::new(dice, control)));
    hooks::set(true);
    let begun = Instant::now();
    time::pass(HOUR);
    let asked = begun.elapsed() >= HOUR;
    let lived = if asked {
        made.map_err(|error| error.to_string()).and_then(|dir| live(&dir))
    } else {
        Err("the simulation's clock was not asked: its symbols were passed by".into())
    };
    hooks::set(false);
    let hash = trace::end();
    let tally = LIFE.take().map_or(Tally::default(), |life| life.tally);
    Ended { hash, wrong: lived.err(), tally }
}

/// Opens the store, lets it run, and opens it again, until all is done.
fn live(dir: &Path) -> Result<(), String> {
    loop {
        let (store, runner) = open(dir)?;
        with(|life| life.plan());
        let store = Arc::new(store);
        with(|life| life.store = Some(Arc::clone(&store)));
        runner.run();
        with(|life| {
            life.store = None;
            life.beside.clear();
        });
        drop(store);
        with(|life| life.wrong.take()).map_or(Ok(()), Err)?;
        if with(Life::ended)? {
            break;
        }
    }
    // Closed well: the data file says it all, whatever becomes of the power.
    if with(|life| life.dice.bool()) {
        crash(Crash::PowerCut)?;
    }
    let (store, runner) = open(dir)?;
    let now_ms = store.now_ms();
    let model = with(|life| check(&store, &life.ledger, true))?;
    drop((store, runner));
    if disk::with(|disk| disk.counts.writes == 0 || disk.counts.syncs == 0) {
        return Err("the simulation's disk was not asked: its symbols were passed by".into());
    }
    model.nothing_is_overdue(now_ms)
}

/// Ends the process or the machine, and begins anew.
fn crash(crash: Crash) -> Result<(), String> {
    disk::with(|disk| disk.die(crash, None));
    revive()
}

fn revive() -> Result<(), String> {
    with(|life| life.tally.crashes += 1);
    disk::with(disk::Disk::revive).map_err(|error| error.to_string())
}

/// Opens the store and checks it, however often that is cut off.
fn open(dir: &Path) -> Result<(Store<Ticket>, Runner<Ticket>), String> {
    loop {
        let (options, sizes) = with(|life| life.begin_opening());
        let opened = Store::open_in_world(
            dir,
            &options,
            Arc::new(shop::encode),
            Arc::new(Told),
            Arc::new(Wall),
            sizes,
            Arc::new(Around),
        );
        let (dead, failed) = disk::with(|disk| {
            disk.crash_after(None);
            disk.break_by(None);
            (disk.is_dead(), disk.forgive())
        });
        with(|life| life.beside.clear());
        match opened {
            _ if dead => {
                drop(opened);
                revive()?;
            }
            Err(error) if failed && error.kind != StoreErrorKind::Corrupt => {
                traced!("not opened: {}", error.kind.name());
            }
            Err(error) => return Err(format!("the store is not opened: {error}")),
            Ok((store, runner)) => {
                traced!("open at {}", store.revision());
                with(|life| {
                    let deep = life.dice.u8(0..4) == 0;
                    check(&store, &life.ledger, deep)?;
                    life.saw(&store);
                    Ok::<_, String>(())
                })?;
                return Ok((store, runner));
            }
        }
    }
}

impl Life {
    fn new(mut dice: Rng, control: Option<Control>) -> Self {
        let clients =
            (0..dice.usize(3..9)).map(|number| Client { name: format!("kasir-{number}"), wants: None });
        Self {
            clients: clients.collect(),
            control,
            to_open: shop::opening().len() as u64,
            opening: shop::opening().into(),
            board: Board::default(),
            ledger: Ledger::default(),
            phase: Phase::Trade,
            wants_left: dice.usize(10..90),
            want: 0,
            next_id: 0,
            to_repeat: Vec::new(),
            openings: 0,
            store: None,
            beside: VecDeque::new(),
            wrong: None,
            stopped: false,
            tally: Tally::default(),
            dice,
        }
    }

    /// How it is opened, and what befalls the opening.
    fn begin_opening(&mut self) -> (Options, Sizes) {
        self.openings += 1;
        let dice = &mut self.dice;
        let options = Options {
            map_size: 1,
            max_queue: dice.usize(4..20),
            max_queue_bytes: 1 << 20,
            max_batch: dice.usize(1..9),
            max_readers: 16,
        };
        let sizes = Sizes {
            wal_bytes: 4096 * dice.u64(2..20),
            wal_growth_bytes: 4096 * dice.u64(1..5),
            commits: dice.u64(1..20),
            follow_commands: dice.usize(1..12),
        };
        if self.openings < OPENINGS_MAX {
            let crash = (dice.u8(0..3) == 0).then(|| (dice.u64(0..60), crash_kind(dice)));
            let fault = (dice.u8(0..5) == 0).then(|| fault(dice, 8));
            disk::with(|disk| {
                disk.crash_after(crash);
                disk.break_by(fault);
            });
        }
        traced!("opening {} {options:?} {sizes:?}", self.openings);
        (options, sizes)
    }

    /// What befalls the running store.
    fn plan(&mut self) {
        self.stopped = false;
        if self.openings >= OPENINGS_MAX {
            return;
        }
        let dice = &mut self.dice;
        let crash = (dice.u8(0..5) < 3).then(|| (dice.u64(0..400), crash_kind(dice)));
        disk::with(|disk| disk.crash_after(crash));
    }

    /// The writer has ended. Whether all is done.
    fn ended(&mut self) -> Result<bool, String> {
        for client in &mut self.clients {
            client.wants.iter_mut().for_each(|want| want.sent = 0);
        }
        let (dead, failed) = disk::with(|disk| {
            disk.crash_after(None);
            disk.break_by(None);
            (disk.is_dead(), disk.forgive())
        });
        if dead {
            self.tally.crashes += 1;
            disk::with(disk::Disk::revive).map_err(|error| error.to_string())?;
            return Ok(false);
        }
        if self.stopped && !failed {
            return Err("the writer stopped though nothing was wrong with the disk".into());
        }
        self.tally.stops += u64::from(self.stopped);
        if self.dice.u8(0..3) == 0 {
            disk::with(|disk| disk.die(crash_kind(&mut self.dice), None));
            self.tally.crashes += 1;
            disk::with(disk::Disk::revive).map_err(|error| error.to_string())?;
        }
        Ok(self.phase == Phase::Wait && !self.stopped)
    }

    /// Somebody sees where the journal ends.
    fn saw(&mut self, store: &Store<Ticket>) {
        if let Ok(status) = store.status() {
            self.tally.revisions = status.revision;
            self.ledger.seen.insert(status.revision, status.journal_head);
        }
    }

    fn fresh_id(&mut self) -> RequestId {
        self.next_id += 1;
        (u128::from(self.dice.u64(..)) << 64 | u128::from(self.next_id)).to_be_bytes()
    }

    /// Something happens.
    fn event(&mut self, store: &Store<Ticket>, followed: bool) {
        let busy = self.phase == Phase::Trade && self.openings < OPENINGS_MAX;
        match self.dice.u16(0..1_000) {
            0..4 if busy => disk::with(|disk| disk.die(crash_kind(&mut self.dice), None)),
            4..6 if busy => {
                traced!("closed");
                store.close();
            }
            6..12 if busy => {
                let fault = fault(&mut self.dice, 12);
                disk::with(|disk| disk.break_by(Some(fault)));
            }
            12..20 => {
                let by_ms = self.dice.i64(-600_000..600_000);
                traced!("clock set by {by_ms} ms");
                time::set_clock_by(by_ms);
            }
            20..40 => time::pass(Duration::from_millis(self.dice.u64(0..1_200_000))),
            40..100 => disk::with(|disk| {
                // A disk that was full has room again.
                if matches!(disk.roll(3), 0) {
                    disk.break_by(None);
                }
            }),
            100..160 if followed => self.read(store),
            _ => self.act(store),
        }
    }

    /// Somebody looks.
    fn read(&mut self, store: &Store<Ticket>) {
        let wanted = store.revision();
        let found = store.read(|reader| Ok(*reader.head()));
        match found {
            Ok(head) if head.revision < wanted => {
                self.wrong =
                    Some(format!("revision {wanted} was answered, and a read found {}", head.revision));
            }
            Ok(head) => {
                self.ledger.seen.insert(head.revision, head.hash);
            }
            Err(_) => {}
        }
    }

    /// Somebody does something.
    fn act(&mut self, store: &Store<Ticket>) {
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
                    self.to_repeat = self
                        .ledger
                        .sent
                        .iter()
                        .filter(|(_, sent)| sent.reply.is_some())
                        .map(|(id, _)| *id)
                        .collect();
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
        let answered: Vec<RequestId> =
            self.ledger.sent.iter().filter(|(_, sent)| sent.reply.is_some()).map(|(id, _)| *id).collect();
        if answered.is_empty() {
            return;
        }
        let id = answered[self.dice.usize(0..answered.len())];
        if self.dice.u8(0..3) > 0 {
            return self.repeat(id, store);
        }
        traced!("an id is used for something else");
        let sent = &self.ledger.sent[&id];
        let other = Command::CancelBooking { order_id: kasir_core::ids::OrderId(1), reason: "lain".into() };
        submit(
            store,
            Ticket { id, opening: self.openings, revision: store.revision(), misused: true },
            sent,
            &other,
        );
    }

    fn repeat(&mut self, id: RequestId, store: &Store<Ticket>) {
        let sent = &self.ledger.sent[&id];
        let ticket = Ticket { id, opening: self.openings, revision: store.revision(), misused: false };
        submit(store, ticket, sent, &sent.command);
    }

    /// Somebody was told something.
    fn told(&mut self, ticket: Ticket, answer: Answer, revision: u64) {
        let wrong = match answer {
            _ if ticket.opening != self.openings => Some("an answer outlived its store".to_owned()),
            Ok(reply) => self.accepted(ticket, reply),
            Err(refusal) => self.refused(ticket, &refusal, revision),
        };
        self.wrong = self.wrong.take().or(wrong);
    }

    fn accepted(&mut self, ticket: Ticket, reply: Vec<u8>) -> Option<String> {
        if ticket.misused {
            return Some("an id was used for another command, and that was accepted".into());
        }
        let sent = self.ledger.sent.get_mut(&ticket.id)?;
        if sent.reply.as_ref().is_some_and(|before| *before != reply) {
            return Some(format!("asked again, another answer was given: {:?}", sent.command));
        }
        self.tally.accepted += u64::from(sent.reply.is_none());
        sent.reply = Some(reply.clone());
        if self.dice.u8(0..12) == 0 {
            traced!("an answer is lost");
            self.clients.iter_mut().filter_map(|client| client.wants.as_mut()).for_each(|want| {
                if want.id == ticket.id {
                    want.sent = 0;
                }
            });
            return None;
        }
        traced!("told {}", blake3::hash(&reply).to_hex());
        self.board.learn(&reply);
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
        if ticket.misused || self.ledger.sent.get(&ticket.id).is_some_and(|sent| sent.reply.is_some()) {
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

fn submit(store: &Store<Ticket>, ticket: Ticket, sent: &Sent, command: &Command) {
    let body = format!("{command:?}");
    let request = Request::new(METHOD, body.as_bytes(), ticket.id, &sent.actor, command.clone());
    // A queue that is full, or a writer that has stopped: they ask again.
    if let Err(refusal) = store.submit(request, ticket) {
        traced!("not taken: {:?}", refusal.reason);
    }
}

fn crash_kind(dice: &mut Rng) -> Crash {
    if dice.bool() { Crash::Kill } else { Crash::PowerCut }
}

fn fault(dice: &mut Rng, within: u32) -> Fault {
    match dice.u8(0..4) {
        0 => Fault::Full { room: dice.u64(0..65_536), strict: dice.bool() },
        1 => Fault::Write { after: dice.u32(0..within), short: dice.bool() },
        _ => Fault::Sync { after: dice.u32(0..within) },
    }
}

/// The clock of day.
struct Wall;

impl Clock for Wall {
    fn now_ms(&self) -> i64 {
        time::clock_ms()
    }
}

/// Takes the answers to those who asked.
struct Told;

impl BatchSink<Ticket> for Told {
    fn complete(&self, answers: Vec<(Ticket, Answer)>) {
        with(|life| {
            if disk::with(|disk| disk.is_dead()) {
                return;
            }
            let Some(store) = life.store.clone() else { return };
            life.saw(&store);
            let revision = store.revision();
            for (ticket, answer) in answers {
                life.told(ticket, answer, revision);
            }
        });
    }

    fn committed(&self, _revision: u64) {}

    fn stopped(&self, why: &Refusal) {
        traced!("stopped: {}", why.message);
        with(|life| life.stopped = true);
    }
}

/// The world around the writer.
struct Around;

impl Around {
    /// Work beside the writer goes on by a step.
    fn step() -> bool {
        let work = with(|life| life.beside.pop_front());
        work.is_some_and(|work| {
            work();
            true
        })
    }
}

impl World for Around {
    fn idle(&self, at_most: Option<Duration>, followed: bool) {
        let (store, events, phase) = with(|life| {
            let events = life.dice.u8(0..4);
            (life.store.clone(), events, life.phase)
        });
        let Some(store) = store else { return };
        for _ in 0..events {
            if disk::with(|disk| disk.is_dead()) || with(|life| life.wrong.is_some()) {
                break;
            }
            if with(|life| life.dice.u8(0..5)) == 0 {
                Self::step();
            } else {
                with(|life| life.event(&store, followed));
            }
        }
        if disk::with(|disk| disk.is_dead()) || with(|life| life.wrong.is_some()) {
            return store.close();
        }
        match (phase, at_most) {
            (Phase::Wait, None) => {
                traced!("all is done");
                time::pass(LONG);
                store.close();
            }
            (Phase::Wait, Some(at_most)) => time::pass(at_most.max(Duration::from_secs(600))),
            (_, Some(at_most)) if with(|life| life.dice.bool()) => time::pass(at_most),
            _ => time::pass(Duration::from_micros(with(|life| life.dice.u64(1..2_000)))),
        }
    }

    fn beside(&self, work: Box<dyn FnOnce() + Send>) {
        with(|life| life.beside.push_back(work));
    }

    fn join(&self) {
        while Self::step() {}
    }
}
