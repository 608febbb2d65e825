//! Goal: whatever befalls the store, what was answered is there; a seed plays the same way every time; and what is broken is
//! found. Method: the simulation is run as a program, over some seeds, twice over one, and over seeds with something broken
//! on purpose.
#![cfg(all(target_os = "linux", target_env = "gnu"))]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::process::Command;

/// What `kasir-sim` says, and whether all was well.
fn played(arguments: &[&str]) -> (String, bool) {
    let played = Command::new(env!("CARGO_BIN_EXE_kasir-sim")).args(arguments).output().unwrap();
    (String::from_utf8(played.stdout).unwrap(), played.status.success())
}

#[test]
fn nothing_that_was_answered_is_lost_whatever_happens() {
    let (said, well) = played(&["--seeds", "0..400"]);
    assert!(well, "{said}");
    assert!(said.starts_with("400 seeds"), "{said}");
}

#[test]
fn a_seed_plays_the_same_way_every_time() {
    for seed in ["7", "8"] {
        let (first, well) = played(&["--seed", seed]);
        assert!(well && first.contains("trace"), "{first}");
        assert_eq!(played(&["--seed", seed]).0, first);
    }
    assert_ne!(
        played(&["--seed", "7"]).0.split("trace").last(),
        played(&["--seed", "8"]).0.split("trace").last()
    );
}

#[test]
fn what_is_broken_on_purpose_is_found() {
    for control in ["no-sync", "no-pages", "no-headers", "late-sync", "no-names", "new-id"] {
        let (said, well) = played(&["--seeds", "0..300", "--control", control]);
        assert!(!well && said.contains("WRONG"), "{control}: {said}");
        // The seed that it names shows it again.
        let seed = said.split("--seed ").nth(1).and_then(|rest| rest.split(' ').next()).unwrap();
        let (said, well) = played(&["--seed", seed, "--control", control]);
        assert!(!well && said.contains("WRONG"), "{control}: {said}");
    }
}
