//! Many seeds, in as many processes as there are cores: one that dies takes nothing with it but its seed.

use std::io::{BufRead, BufReader, Write};
use std::ops::Range;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::sync::Mutex;
use std::time::Instant;

use indicatif::{ProgressBar, ProgressStyle};

use super::control::Control;
use super::life;
use super::tally::Tally;

/// Seeds that a process plays.
const CHUNK: u64 = 100;

/// Plays seeds in this process, and says on a line each how they ended.
pub(crate) fn work(seeds: Range<u64>, control: Option<Control>, root: &Path) {
    for seed in seeds {
        let ended = life::play(seed, control, false, root);
        let wrong = ended.wrong.as_deref().unwrap_or_default().replace('\n', " ");
        let numbers = ended.tally.numbers().map(|number| number.to_string()).join(" ");
        let mut out = std::io::stdout();
        let told = writeln!(out, "{numbers}\t{wrong}").and_then(|()| out.flush());
        // Nobody listens any more.
        if told.is_err() {
            return;
        }
        if !wrong.is_empty() {
            return;
        }
    }
}

/// What all processes work on.
struct Shared {
    left: Range<u64>,
    played: u64,
    tally: Tally,
    wrong: Option<(u64, String)>,
}

/// Plays all of them, until one goes wrong.
pub(crate) fn play(seeds: Range<u64>, control: Option<Control>, jobs: usize) -> ExitCode {
    let bar = ProgressBar::new(seeds.end.saturating_sub(seeds.start));
    if let Ok(style) = ProgressStyle::with_template("{bar:40} {pos}/{len} seeds, {per_sec}, {eta} left") {
        bar.set_style(style);
    }
    let begun = Instant::now();
    let shared = Mutex::new(Shared { left: seeds, played: 0, tally: Tally::default(), wrong: None });
    std::thread::scope(|scope| {
        for _ in 0..jobs {
            scope.spawn(|| {
                while let Some(chunk) = next(&shared) {
                    if let Err((seed, wrong)) = play_chunk(chunk, control, &shared, &bar) {
                        lock(&shared).wrong.get_or_insert((seed, wrong));
                    }
                }
            });
        }
    });
    bar.finish_and_clear();
    let shared = lock(&shared);
    let played = shared.played;
    let seconds = begun.elapsed().as_secs().max(1);
    println!("{played} seeds in {seconds} s, {} a second: {}", played / seconds, shared.tally);
    let Some((seed, wrong)) = &shared.wrong else { return ExitCode::SUCCESS };
    let control = control.map_or(String::new(), |control| format!(" --control {}", control.name()));
    println!("WRONG: {wrong}\nAgain, with all that happened: kasir-sim --seed {seed} --trace{control}");
    ExitCode::FAILURE
}

fn lock(shared: &Mutex<Shared>) -> std::sync::MutexGuard<'_, Shared> {
    shared.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

fn next(shared: &Mutex<Shared>) -> Option<Range<u64>> {
    let mut shared = lock(shared);
    if shared.wrong.is_some() || shared.left.is_empty() {
        return None;
    }
    let from = shared.left.start;
    shared.left.start = (from + CHUNK).min(shared.left.end);
    Some(from..shared.left.start)
}

/// Has a process play some. `Err`: the seed that went wrong, and how.
fn play_chunk(
    seeds: Range<u64>,
    control: Option<Control>,
    shared: &Mutex<Shared>,
    bar: &ProgressBar,
) -> Result<(), (u64, String)> {
    let mut seed = seeds.start;
    let failed = |error: std::io::Error| (seeds.start, format!("no process can be started: {error}"));
    let mut command = Command::new(std::env::current_exe().map_err(failed)?);
    command.args(["--worker", "--seeds", &format!("{}..{}", seeds.start, seeds.end)]);
    if let Some(control) = control {
        command.args(["--control", control.name()]);
    }
    let mut child = command.stdout(Stdio::piped()).spawn().map_err(failed)?;
    let lines = child.stdout.take().map(|out| BufReader::new(out).lines());
    for line in lines.into_iter().flatten().map_while(Result::ok) {
        let (numbers, wrong) = line.split_once('\t').unwrap_or_default();
        if !wrong.is_empty() {
            let _ = child.wait();
            return Err((seed, wrong.to_owned()));
        }
        {
            let mut shared = lock(shared);
            shared.tally.add(numbers);
            shared.played += 1;
        }
        bar.inc(1);
        seed += 1;
    }
    match child.wait() {
        Ok(status) if status.success() && seed == seeds.end => Ok(()),
        Ok(status) => Err((seed, format!("the process ended: {status}"))),
        Err(error) => Err(failed(error)),
    }
}
