//! Short lists that are kept in order: each element once.

/// Puts an element in its place; says whether it is new.
pub(crate) fn insert<T: Ord>(sorted: &mut Vec<T>, element: T) -> bool {
    match sorted.last() {
        Some(last) if *last < element => sorted.push(element),
        None => sorted.push(element),
        Some(_) => match sorted.binary_search(&element) {
            Ok(_) => return false,
            Err(at) => sorted.insert(at, element),
        },
    }
    true
}

/// Takes an element out; says whether it was there.
pub(crate) fn remove<T: Ord>(sorted: &mut Vec<T>, element: &T) -> bool {
    let found = sorted.binary_search(element);
    found.map(|at| sorted.remove(at)).is_ok()
}
