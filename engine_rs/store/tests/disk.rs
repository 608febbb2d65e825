//! Goal: a disk that takes nothing is waited for, a disk that does not confirm stops the writer, and in both cases the store is whole
//! and nobody was told what is not there. Method: this test program starts itself with a small library before libc that
//! makes LMDB's writes and syncs fail while a file says so.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![cfg(target_os = "linux")]

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use kasir_core::Reason;
use kasir_store::Options;
use support::{START_MS, Shop, location, request};
use tempfile::TempDir;

/// What fails is the first letter of the file that $KASIR_TEST_TROUBLE names: f, writes find the disk full; p, writes
/// are cut short and the disk is full; c, writes are cut short though there is room; e, writes fail; s, syncs fail.
const LIBRARY: &str = r#"
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/uio.h>
#include <unistd.h>
static char trouble(void) {
  static ssize_t (*plain)(int, void *, size_t);
  if (!plain) plain = dlsym(RTLD_NEXT, "read");
  const char *path = getenv("KASIR_TEST_TROUBLE");
  int saved = errno, file = path ? open(path, O_RDONLY) : -1;
  char letter = 0;
  if (file >= 0) { if (plain(file, &letter, 1) != 1) letter = 0; close(file); }
  errno = saved;
  return letter;
}
#define FAILS(t) ((t) == 'f' || (t) == 'e')
#define FAILED(t) (errno = (t) == 'f' ? ENOSPC : EIO, -1)
#define SHORT(t) ((t) == 'p' || (t) == 'c')
#define REAL(type, name, ...) static type (*real)(__VA_ARGS__); if (!real) real = dlsym(RTLD_NEXT, name); char t = trouble()
ssize_t pwrite(int fd, const void *b, size_t n, off_t o) {
  REAL(ssize_t, "pwrite", int, const void *, size_t, off_t);
  return FAILS(t) ? FAILED(t) : SHORT(t) ? (ssize_t)(n / 2) : real(fd, b, n, o); }
ssize_t pwrite64(int fd, const void *b, size_t n, off_t o) { return pwrite(fd, b, n, o); }
ssize_t writev(int fd, const struct iovec *v, int n) {
  REAL(ssize_t, "writev", int, const struct iovec *, int);
  return FAILS(t) ? FAILED(t) : SHORT(t) ? 100 : real(fd, v, n); }
ssize_t pwritev(int fd, const struct iovec *v, int n, off_t o) {
  REAL(ssize_t, "pwritev", int, const struct iovec *, int, off_t);
  return FAILS(t) ? FAILED(t) : SHORT(t) ? 100 : real(fd, v, n, o); }
ssize_t pwritev64(int fd, const struct iovec *v, int n, off_t o) { return pwritev(fd, v, n, o); }
ssize_t write(int fd, const void *b, size_t n) {
  REAL(ssize_t, "write", int, const void *, size_t);
  return t == 'p' ? FAILED('f') : real(fd, b, n); }
int fdatasync(int fd) {
  REAL(int, "fdatasync", int);
  return t == 's' ? (errno = EIO, -1) : real(fd); }
"#;

const TROUBLE: &str = "KASIR_TEST_TROUBLE";
const STORE: &str = "KASIR_TEST_DISK_STORE";
const LETTER: &str = "KASIR_TEST_DISK_LETTER";
const SMALL_DISK: &str = "KASIR_TEST_SMALL_DISK";

/// Builds the library; a C compiler is there, LMDB is compiled with it.
fn library(dir: &Path) -> PathBuf {
    let (source, library) = (dir.join("trouble.c"), dir.join("trouble.so"));
    fs::write(&source, LIBRARY).unwrap();
    let built = Command::new("cc")
        .args(["-shared", "-fPIC", "-O1", "-o"])
        .arg(&library)
        .arg(&source)
        .arg("-ldl")
        .status();
    assert!(built.unwrap().success());
    library
}

fn id(number: u8) -> [u8; 16] {
    [number; 16]
}

/// Plays a shop whose disk fails. Does nothing unless it was started by the tests below.
#[test]
fn shop_with_a_failing_disk() {
    let (Some(dir), Some(trouble)) = (std::env::var_os(STORE), std::env::var_os(TROUBLE)) else { return };
    let letter = std::env::var(LETTER).unwrap();
    // Leaked, so that the other process decides when the directory goes.
    let holder = Arc::new(TempDir::new_in(&dir).unwrap());
    let shop =
        Shop::open(holder.clone(), &Options { map_size: 1 << 20, ..Options::default() }, START_MS).unwrap();
    fs::write(Path::new(&dir).join("where"), shop.path().to_str().unwrap()).unwrap();
    shop.store.submit_blocking(request(id(1), location("A"))).unwrap();

    // Whoever reads knows that LMDB's file has followed: the trouble does not begin in the middle of that.
    assert_eq!(shop.store.read(|reader| Ok(reader.revision())).unwrap(), 1);
    fs::write(&trouble, &letter).unwrap();
    let first = shop.store.submit_blocking(request(id(2), location("B"))).unwrap_err();
    let second = shop.store.submit_blocking(request(id(3), location("C"))).unwrap_err();
    fs::remove_file(&trouble).unwrap();
    let after = shop.store.submit_blocking(request(id(3), location("C")));

    assert_eq!(shop.store.read(|reader| Ok(reader.revision())).unwrap(), if after.is_ok() { 2 } else { 1 });
    if letter == "s" {
        assert_eq!(
            (first.reason, second.reason),
            (Reason::WriterStopped, Reason::WriterStopped),
            "{first:?} {second:?}"
        );
        assert_eq!(after.unwrap_err().reason, Reason::WriterStopped, "a failed sync is never tried again");
        assert_eq!(shop.sink.wait_stopped().reason, Reason::WriterStopped);
    } else {
        assert_eq!(
            (first.reason, second.reason),
            (Reason::StoreFull, Reason::StoreFull),
            "{first:?} {second:?}"
        );
        after.unwrap();
        assert_eq!(shop.store.stopped(), None);
    }
    shop.store.close();
    std::mem::forget(holder.clone());
    println!("played to its end");
}

/// Plays it, and looks at what is left.
fn play(letter: &str, revision: u64) {
    let dir = TempDir::new().unwrap();
    let library = library(dir.path());
    let played = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "shop_with_a_failing_disk", "--nocapture", "--test-threads=1"])
        .env("LD_PRELOAD", library)
        .env(TROUBLE, dir.path().join("trouble"))
        .env(STORE, dir.path())
        .env(LETTER, letter)
        .stderr(Stdio::piped())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&played.stdout);
    assert!(played.status.success(), "{said}{}", String::from_utf8_lossy(&played.stderr));
    assert!(said.contains("played to its end"), "{said}");

    let path = PathBuf::from(fs::read_to_string(dir.path().join("where")).unwrap());
    let holder = Arc::new(TempDir::new().unwrap());
    fs::rename(path, holder.path().join("store")).unwrap();
    let shop = Shop::open(holder, &Options::default(), START_MS).unwrap();
    assert_eq!(shop.store.revision(), revision, "what was acknowledged, and nothing else");
    shop.verify();
    shop.store.submit_blocking(request(id(2), location("B"))).unwrap();
    shop.store.submit_blocking(request(id(3), location("C"))).unwrap();
    assert_eq!(shop.store.revision(), 3);
    shop.verify();
}

#[test]
fn a_full_disk_is_waited_for() {
    play("f", 2);
}

#[test]
fn a_disk_that_fills_up_in_the_middle_of_a_write_is_waited_for() {
    play("p", 2);
}

#[test]
fn a_write_that_fails_though_there_is_room_is_waited_for() {
    play("c", 2);
    play("e", 2);
}

#[test]
fn a_failed_sync_stops_the_writer() {
    // What it would not confirm it has all the same, this time.
    play("s", 2);
}

#[test]
#[ignore = "needs an empty file system of some 10 MiB, named by KASIR_TEST_SMALL_DISK (mount -t tmpfs -o size=10m)"]
fn a_really_full_disk_is_waited_for() {
    let disk = std::env::var_os(SMALL_DISK).expect("KASIR_TEST_SMALL_DISK names the file system");
    let ballast = Path::new(&disk).join("ballast");
    fs::write(&ballast, vec![1; 4 << 20]).unwrap();
    let holder = Arc::new(TempDir::new_in(&disk).unwrap());
    let shop = Shop::open(holder, &Options { map_size: 1 << 20, ..Options::default() }, START_MS).unwrap();
    shop.stock(1_000_000);
    let mut number = 0;
    let (mut told, mut booked) = (0, 0);
    while told < 10 {
        number += 1;
        match shop.send(support::booking(&format!("Pembeli {number}"))) {
            Ok(_) => booked += 1,
            Err(refusal) => {
                assert_eq!(refusal.reason, Reason::StoreFull, "{refusal:?}");
                told += 1;
            }
        }
    }
    assert!(booked > 100);
    // Reads may miss what was answered last: LMDB's file has no room for it.
    assert!(shop.level().1 <= booked);
    fs::remove_file(&ballast).unwrap();
    shop.ok(support::booking("Budi"));
    assert_eq!(shop.level(), (1_000_000, booked + 1));
    shop.verify();
    shop.reopen().verify();
}
