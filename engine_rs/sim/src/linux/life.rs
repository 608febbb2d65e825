//! One run: a shop's people, its store, and all that befalls them, as a seed's dice fall.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use fastrand::Rng;
use kasir_core::{Command, Reason, Refusal};
use kasir_store::{
    Answer, BatchSink, CHECKPOINT_FILE, Clock, Options, Passage, RequestId, Runner, Sizes, Store,
    StoreErrorKind, WAL_FILES, World, restore,
};

use super::check::{Ledger, check};
use super::control::Control;
use super::disk::{self, Crash, Fault};
use super::people::{Client, Ticket};
use super::shop::{self, Board};
use super::tally::Tally;
use super::trace::traced;
use super::{hooks, time, trace};

/// Most times that a store is opened in a run; the last times nothing is broken any more.
const OPENINGS_MAX: usize = 10;
const HOUR: Duration = Duration::from_secs(3_600);
const DAY_MS: i64 = 24 * 3_600_000;
/// After this everything that can end has ended.
const LONG: Duration = Duration::from_secs(2 * 24 * 3_600);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
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
pub(crate) struct Life {
    pub(crate) dice: Rng,
    pub(crate) control: Option<Control>,
    /// The store's directory lies in it, and what else there is.
    root: PathBuf,
    pub(crate) clients: Vec<Client>,
    pub(crate) opening: VecDeque<Command>,
    pub(crate) board: Board,
    pub(crate) ledger: Ledger,
    pub(crate) phase: Phase,
    /// So many wants open the shop.
    pub(crate) to_open: u64,
    /// So many are still to be wanted.
    pub(crate) wants_left: usize,
    pub(crate) want: u64,
    next_id: u64,
    pub(crate) to_repeat: Vec<RequestId>,
    pub(crate) openings: usize,
    /// The shop forgets what is long ago.
    forgets: bool,
    pub(crate) forgetting: Option<Forgetting>,
    store: Option<Arc<Store<Ticket>>>,
    beside: VecDeque<Box<dyn FnOnce() + Send>>,
    /// What does not hold.
    pub(crate) wrong: Option<String>,
    stopped: bool,
    pub(crate) tally: Tally,
}

/// Before which revision the journal is to be forgotten, and where it is told how many records were.
type Forgetting = (u64, crossbeam_channel::Receiver<Result<u64, Refusal>>);

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
    LIFE.set(Some(Life::new(dice, control, root)));
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
    let mut tally = LIFE.take().map_or(Tally::default(), |life| life.tally);
    let counts = disk::with(|disk| disk.counts);
    (tally.kills, tally.power_cuts) = (counts.kills, counts.power_cuts);
    Ended { hash, wrong: lived.err(), tally }
}

/// Opens the store, lets it run, and opens it again, until all is done.
fn live(dir: &Path) -> Result<(), String> {
    loop {
        let (store, runner) = open(dir)?;
        with(Life::plan);
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
    // Closed well: the data file says it all, whatever becomes of the power and of the other files.
    match with(|life| life.dice.u8(0..3)) {
        0 => crash(Crash::PowerCut)?,
        1 => {
            let others = WAL_FILES.into_iter().chain([CHECKPOINT_FILE]);
            others.for_each(|name| drop(std::fs::remove_file(dir.join(name))));
            File::open(dir).and_then(|names| names.sync_all()).map_err(|error| error.to_string())?;
        }
        _ => {}
    }
    let (store, runner) = open(dir)?;
    let now_ms = store.now_ms();
    let model = with(|life| check(&store, &mut life.ledger, true))?;
    drop((store, runner));
    if disk::with(|disk| disk.counts.pages.min(disk.counts.others).min(disk.counts.syncs)) == 0 {
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
    disk::with(disk::Disk::revive).map_err(|error| error.to_string())
}

/// Opens the store and checks it, however often that is cut off.
fn open(dir: &Path) -> Result<(Store<Ticket>, Runner<Ticket>), String> {
    loop {
        let (options, sizes) = with(Life::begin_opening);
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
        if disk::with(|disk| disk.hasty) {
            return Err(
                "what was written ahead was thrown away before the checkpoint that has it was durable".into(),
            );
        }
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
                    let verified = life.dice.u8(0..4) == 0;
                    check(&store, &mut life.ledger, verified)?;
                    life.saw(&store);
                    Ok::<_, String>(())
                })?;
                return Ok((store, runner));
            }
        }
    }
}

impl Life {
    fn new(mut dice: Rng, control: Option<Control>, root: &Path) -> Self {
        let clients =
            (0..dice.usize(3..9)).map(|number| Client { name: format!("kasir-{number}"), wants: None });
        Self {
            clients: clients.collect(),
            control,
            root: root.to_path_buf(),
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
            forgets: dice.u8(0..4) == 0,
            forgetting: None,
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
        self.forgetting = None;
        self.ledger.sent.values_mut().for_each(|sent| sent.under_way = 0);
        if self.openings >= OPENINGS_MAX {
            return;
        }
        let dice = &mut self.dice;
        let crash = (dice.u8(0..5) < 3).then(|| (dice.u64(0..400), crash_kind(dice)));
        disk::with(|disk| disk.crash_after(crash));
    }

    /// The writer has ended. Whether all is done, and the store was closed well: the disk may have failed that, too.
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
            revive()?;
            return Ok(false);
        }
        if self.stopped && !failed {
            return Err("the writer stopped though nothing was wrong with the disk".into());
        }
        self.tally.stops += u64::from(self.stopped);
        if self.dice.bool() {
            disk::with(disk::Disk::forget_lost).map_err(|error| error.to_string())?;
        }
        if self.dice.u8(0..3) == 0 {
            disk::with(|disk| disk.die(crash_kind(&mut self.dice), None));
            revive()?;
        }
        Ok(self.phase == Phase::Wait && !self.stopped && !failed)
    }

    /// Somebody sees where the journal ends.
    fn saw(&mut self, store: &Store<Ticket>) {
        if let Ok(status) = store.status() {
            self.tally.revisions = status.revision;
            self.ledger.seen.insert(status.revision, status.journal_head);
        }
    }

    pub(crate) fn fresh_id(&mut self) -> RequestId {
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
                // Now and then a machine does not know the year.
                let most_ms = if self.dice.u8(0..8) == 0 { 400 * DAY_MS } else { 600_000 };
                let by_ms = self.dice.i64(-most_ms..most_ms);
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
            100..103 if followed => self.copy(store),
            103..160 if followed => self.read(store),
            160..260 if self.forgets && self.phase != Phase::Wait => self.forget(store),
            _ => self.act(store),
        }
    }

    /// A copy is taken while the shop runs, and a store made of it.
    fn copy(&mut self, store: &Store<Ticket>) {
        let (file, made) = (self.root.join("copy"), self.root.join("made"));
        let copied = store.snapshot(&file).and_then(|copy| Ok((copy, restore(&file, &made)?)));
        traced!("copied: {:?}", copied.as_ref().map(|(copy, _)| copy.revision).map_err(|error| error.kind));
        let _ = std::fs::remove_file(&file);
        let _ = std::fs::remove_dir_all(&made);
        match copied {
            Ok((copy, made)) if copy.revision == made.revision && copy.revision >= store.revision() => {}
            Ok((copy, made)) => {
                let (copy, made, now) = (copy.revision, made.revision, store.revision());
                self.wrong =
                    Some(format!("of revision {now} a copy has {copy}, and the store made of it {made}"));
            }
            // It was closed just now.
            Err(error) if error.kind == StoreErrorKind::Unusable => {}
            Err(error) => self.wrong = Some(format!("a copy is no good: {error}")),
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
}

fn crash_kind(dice: &mut Rng) -> Crash {
    if dice.bool() { Crash::Kill } else { Crash::PowerCut }
}

fn fault(dice: &mut Rng, within: u32) -> Fault {
    match dice.u8(0..5) {
        0 => Fault::Full { room: dice.u64(0..65_536), strict: dice.bool() },
        1 => Fault::Write { after: dice.u32(0..within), short: dice.bool() },
        2 => Fault::Names { after: dice.u32(0..3) },
        _ => Fault::Sync { after: dice.u32(0..within) },
    }
}

/// The clock of day.
struct Wall;

impl Clock for Wall {
    /// Asked before each command of a batch: others are at work meanwhile.
    fn now_ms(&self) -> i64 {
        let meanwhile = LIFE.with(|life| {
            let mut life = life.try_borrow_mut().ok()?;
            let life = life.as_mut()?;
            let store = life.store.clone()?;
            (life.dice.u8(0..16) == 0 && !disk::with(|disk| disk.is_dead())).then_some(store)
        });
        if let Some(store) = meanwhile
            && !Around::step()
        {
            with(|life| life.act(&store));
        }
        time::clock_ms()
    }
}

/// Takes the answers to those who asked.
struct Told;

impl BatchSink<Ticket> for Told {
    fn complete(&self, answers: Vec<(Ticket, Answer)>, _passage: Option<&Passage>) {
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

    fn readable(&self, _revision: u64) {}

    fn stopped(&self, why: &Refusal) {
        traced!("stopped: {}", why.message);
        with(|life| {
            life.stopped = true;
            // A disk that fails is no reason for either.
            if why.reason == Reason::StoreCorrupt || why.message.contains("fault in its program") {
                life.wrong = Some(why.message.clone());
            }
        });
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
            (Phase::Wait, Some(at_most)) => {
                let long = with(|life| life.dice.bool());
                time::pass(at_most.max(if long { 10 * LONG } else { Duration::from_secs(600) }));
            }
            (_, Some(at_most)) if with(|life| life.dice.bool()) => time::pass(at_most),
            _ => time::pass(Duration::from_micros(with(|life| life.dice.u64(1..2_000)))),
        }
    }

    fn beside(&self, work: Box<dyn FnOnce() + Send>) {
        with(|life| life.beside.push_back(work));
    }

    fn fill(&self, bytes: &mut [u8]) {
        with(|life| life.dice.fill(bytes));
    }

    fn join(&self) {
        while Self::step() {}
    }
}
