//! Work on many things by several threads.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::{iter, thread};

/// Does `work` on every `part` of `items`, at most as many at a time as there are `threads` (this one is the first of them),
/// and puts the results one behind the other. Who is done takes the next part: some cost much more than others.
pub fn side_by_side<T: Sync, R: Send>(
    threads: usize,
    part: usize,
    items: &[T],
    work: impl Fn(&[T]) -> Vec<R> + Sync,
) -> Vec<R> {
    let parts: Vec<&[T]> = items.chunks(part.max(1)).collect();
    let threads = threads.min(parts.len());
    if threads <= 1 {
        return work(items);
    }
    let next = AtomicUsize::new(0);
    let take = || {
        let places = iter::from_fn(|| Some(next.fetch_add(1, Ordering::Relaxed)));
        places.map_while(|at| parts.get(at).map(|part| (at, work(part)))).collect::<Vec<_>>()
    };
    let mut done = thread::scope(|scope| {
        let started: Vec<_> = (1..threads).map(|_| scope.spawn(take)).collect();
        let mut done = take();
        done.extend(started.into_iter().flat_map(|thread| thread.join().expect("work does not panic")));
        done
    });
    done.sort_unstable_by_key(|(at, _)| *at);
    done.into_iter().flat_map(|(_, results)| results).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_stand_in_the_order_of_their_items() {
        let items: Vec<u32> = (0..1_000).collect();
        let twice = |part: &[u32]| part.iter().flat_map(|item| [*item, *item]).collect();
        let expected: Vec<u32> = twice(&items);
        for (threads, part) in [(0, 0), (1, 10), (2, 1), (3, 7), (64, 300), (2, 5_000)] {
            assert_eq!(side_by_side(threads, part, &items, twice), expected, "{threads} {part}");
        }
        assert!(side_by_side(2, 1, &[], twice).is_empty());
    }
}
