//! `kasir-sim`: the store, its writer and its clients in one thread, with dice in the place of time, disk and people.

mod check;
mod disk;
mod hooks;
mod life;
mod model;
mod shop;
mod time;
mod trace;

fn main() {
    let mut args = std::env::args().skip(1);
    let from: u64 = args.next().map_or(0, |a| a.parse().unwrap());
    let to: u64 = args.next().map_or(from + 1, |a| a.parse().unwrap());
    let shown = args.next().is_some();
    let root = tempfile::TempDir::new_in("/dev/shm").unwrap();
    let begun = std::time::Instant::now();
    let mut t = life::Tally::default();
    for seed in from..to {
        let e = life::play(seed, None, shown, root.path());
        if let Some(w) = &e.wrong {
            println!("seed {seed}: {w}");
        }
        if to - from < 5 {
            println!("{seed} {} {:?}", e.hash, e.tally);
        }
        t.accepted += e.tally.accepted;
        t.refused += e.tally.refused;
        t.crashes += e.tally.crashes;
        t.stops += e.tally.stops;
        t.revisions += e.tally.revisions;
    }
    println!("{:?} {:?}", begun.elapsed() / u32::try_from(to - from).unwrap(), t);
}
