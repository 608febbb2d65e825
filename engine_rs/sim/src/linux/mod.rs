//! All of it: it stands in for calls of Linux' C library.

mod check;
mod content;
mod control;
mod disk;
mod hooks;
mod life;
mod many;
mod model;
mod people;
mod shop;
mod tally;
mod time;
mod trace;

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};

use self::control::Control;

fn arguments() -> ArgMatches {
    let seed = Arg::new("seed").long("seed").value_parser(value_parser!(u64)).help("Play this one");
    let seeds =
        Arg::new("seeds").long("seeds").value_parser(range).help("Play all of these").value_name("FROM..TO");
    let control = Arg::new("control").long("control").value_parser(Control::NAMES.map(|(name, _)| name));
    let control = control.help("Break this on purpose: some seed has to find it");
    let jobs = Arg::new("jobs").long("jobs").value_parser(value_parser!(usize));
    let flag = |name: &'static str| Arg::new(name).long(name).action(ArgAction::SetTrue);
    Command::new("kasir-sim")
        .about("Plays the store with made-up people, time and disk")
        .args([seed.required_unless_present("seeds").conflicts_with("seeds"), seeds, control])
        .arg(jobs.help("So many at a time; as many as there are cores"))
        .arg(flag("trace").help("Show what happens"))
        .arg(flag("worker").hide(true))
        .get_matches()
}

fn range(words: &str) -> Result<Range<u64>, String> {
    let (from, to) = words.split_once("..").ok_or("two numbers with two points between them")?;
    let number = |word: &str| word.replace('_', "").parse::<u64>().map_err(|error| error.to_string());
    Ok(number(from)?..number(to)?)
}

/// Where the files lie: in memory, if there is such a place.
fn place() -> PathBuf {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() { memory.to_path_buf() } else { std::env::temp_dir() }
}

/// Does what the command line says.
pub(crate) fn main() -> ExitCode {
    hooks::keep_memory();
    let arguments = arguments();
    let control = arguments.get_one::<String>("control").and_then(|name| Control::of(name));
    if let (Some(seeds), false) = (arguments.get_one::<Range<u64>>("seeds"), arguments.get_flag("worker")) {
        let jobs = arguments.get_one::<usize>("jobs").copied();
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        return many::play(seeds.clone(), control, jobs.unwrap_or(cores));
    }
    let root = match tempfile::TempDir::with_prefix_in("kasir-sim-", place()) {
        Ok(root) => root,
        Err(error) => {
            eprintln!("There is no place for the files: {error}");
            return ExitCode::FAILURE;
        }
    };
    if let Some(seeds) = arguments.get_one::<Range<u64>>("seeds") {
        many::work(seeds.clone(), control, root.path());
        return ExitCode::SUCCESS;
    }
    let seed = arguments.get_one::<u64>("seed").copied().unwrap_or(0);
    let ended = life::play(seed, control, arguments.get_flag("trace"), root.path());
    println!("seed {seed}: {}, trace {}", ended.tally, ended.hash);
    match ended.wrong {
        None => ExitCode::SUCCESS,
        Some(wrong) => {
            println!("WRONG: {wrong}");
            ExitCode::FAILURE
        }
    }
}
