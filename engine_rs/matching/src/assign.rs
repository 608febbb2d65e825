//! The best assignment of competing rows to columns, and what each other choice would cost.
//!
//! Shortest augmenting paths over sparse edges with integer costs (Jonker and Volgenant 1987). Every row may also stay
//! alone, for nothing. Dual values stay from row to row, so that the cost of forcing one row elsewhere is one more shortest
//! path, not one more assignment.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// No margin is told apart beyond this.
pub(crate) const MARGIN_MAX: i64 = 20_000;
/// Most columns that the search for one row's path may settle.
const STEPS_MAX: usize = 5_000;
/// The same for one row's margin; where it ends, the margin is at least what was reached.
const MARGIN_STEPS_MAX: usize = 300;

/// The rows' choices.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Assignment {
    /// Each row's column; none stays alone.
    pub(crate) columns: Vec<Option<usize>>,
    /// By how much the total falls when a row may not have what it has; at most [`MARGIN_MAX`].
    pub(crate) margins: Vec<i64>,
    /// A bound was reached: it may not be the best.
    pub(crate) cut: bool,
}

/// Where a path may end or go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    /// A row goes back to being alone.
    Alone(usize),
    Column(usize),
    /// What the forced row had, from behind.
    Home,
}

struct Solver<'a> {
    rows: &'a [Vec<(usize, i64)>],
    row_of: Vec<Option<usize>>,
    column_of: Vec<Option<usize>>,
    /// Dual values: costs are −profit, each edge's reduced cost is cost − row − column ≥ 0, and 0 where assigned.
    row_dual: Vec<i64>,
    column_dual: Vec<i64>,
    distance: Vec<i64>,
    /// From which row a column was reached.
    from: Vec<usize>,
    settled: Vec<usize>,
    reached: Vec<usize>,
}

/// Assigns rows, each a list of (column, profit) with profits above 0, to columns, so that the total is greatest.
pub(crate) fn assign(rows: &[Vec<(usize, i64)>], columns: usize) -> Assignment {
    let mut solver = Solver {
        rows,
        row_of: vec![None; columns],
        column_of: vec![None; rows.len()],
        row_dual: vec![0; rows.len()],
        column_dual: vec![0; columns],
        distance: vec![i64::MAX; columns],
        from: vec![usize::MAX; columns],
        settled: Vec::new(),
        reached: Vec::new(),
    };
    let mut cut = false;
    for row in 0..rows.len() {
        cut |= !solver.add(row);
    }
    let margins = if cut { vec![0; rows.len()] } else { solver.margins() };
    Assignment { columns: solver.column_of, margins, cut }
}

impl Solver<'_> {
    /// Assigns one more row; false when the bound was reached, and it stays alone.
    fn add(&mut self, row: usize) -> bool {
        let mut heap = BinaryHeap::from([Reverse((0, Place::Alone(row)))]);
        self.relax(row, 0, &mut heap, None);
        let mut end = None;
        while let Some(Reverse((distance, place))) = heap.pop() {
            match place {
                Place::Alone(_) | Place::Home => {
                    end = Some((distance, place));
                    break;
                }
                Place::Column(column) if self.distance[column] < distance => {}
                Place::Column(column) => {
                    let Some(next) = self.row_of[column] else {
                        end = Some((distance, place));
                        break;
                    };
                    self.settled.push(column);
                    if self.settled.len() > STEPS_MAX {
                        break;
                    }
                    self.leave(next, distance, &mut heap, None);
                }
            }
        }
        let found = end.is_some();
        if let Some((total, place)) = end {
            self.row_dual[row] = total;
            for &column in &self.settled {
                let before = total - self.distance[column];
                self.column_dual[column] -= before;
                if let Some(holder) = self.row_of[column] {
                    self.row_dual[holder] += before;
                }
            }
            self.augment(row, place);
        }
        self.clear();
        found
    }

    /// Looks at a row's edges, from a path of this length.
    fn relax(
        &mut self,
        row: usize,
        length: i64,
        heap: &mut BinaryHeap<Reverse<(i64, Place)>>,
        home: Option<usize>,
    ) {
        for &(column, profit) in &self.rows[row] {
            if Some(column) == home || self.column_of[row] == Some(column) {
                continue;
            }
            let distance = length - profit - self.row_dual[row] - self.column_dual[column];
            if distance < self.distance[column] {
                if self.distance[column] == i64::MAX {
                    self.reached.push(column);
                }
                self.distance[column] = distance;
                self.from[column] = row;
                heap.push(Reverse((distance, Place::Column(column))));
            }
        }
    }

    /// A row gives its column up: it may take another or stay alone.
    fn leave(
        &mut self,
        row: usize,
        length: i64,
        heap: &mut BinaryHeap<Reverse<(i64, Place)>>,
        home: Option<usize>,
    ) {
        heap.push(Reverse((length - self.row_dual[row], Place::Alone(row))));
        self.relax(row, length, heap, home);
    }

    /// Hands columns on along the path that ends at `place`.
    fn augment(&mut self, row: usize, place: Place) {
        let mut next = match place {
            Place::Column(column) => Some(column),
            Place::Alone(alone) if alone != row => self.column_of[alone].take(),
            Place::Alone(_) | Place::Home => None,
        };
        while let Some(column) = next {
            let taker = self.from[column];
            next = if taker == row { None } else { self.column_of[taker] };
            self.column_of[taker] = Some(column);
            self.row_of[column] = Some(taker);
        }
    }

    fn clear(&mut self) {
        for column in self.reached.drain(..) {
            self.distance[column] = i64::MAX;
            self.from[column] = usize::MAX;
        }
        self.settled.clear();
    }

    fn margins(&mut self) -> Vec<i64> {
        let refills = self.refills();
        (0..self.rows.len()).map(|row| self.margin(row, &refills)).collect()
    }

    /// Of each column, what it costs that its row leaves: it stays free, or another row comes, and leaves its own.
    fn refills(&mut self) -> Vec<i64> {
        let mut heap = BinaryHeap::new();
        for column in (0..self.row_of.len()).filter(|column| self.row_of[*column].is_some()) {
            self.distance[column] = -self.column_dual[column];
            self.reached.push(column);
            heap.push(Reverse((self.distance[column], Place::Column(column))));
        }
        for row in 0..self.rows.len() {
            if self.column_of[row].is_none() {
                self.relax(row, 0, &mut heap, None);
            }
        }
        while let Some(Reverse((distance, place))) = heap.pop() {
            if let Place::Column(column) = place
                && self.distance[column] == distance
                && let Some(row) = self.row_of[column]
            {
                self.relax(row, distance, &mut heap, None);
            }
        }
        let refills = self.distance.clone();
        self.clear();
        refills
    }

    /// What it costs that a row does not have what it has: the shortest way to another whole assignment.
    fn margin(&mut self, row: usize, refills: &[i64]) -> i64 {
        let home = self.column_of[row];
        let left_free = home.map_or(0, |column| refills[column]);
        let mut heap = BinaryHeap::new();
        if home.is_some() {
            heap.push(Reverse((left_free - self.row_dual[row], Place::Alone(row))));
        }
        self.relax(row, 0, &mut heap, home);
        let mut steps = 0;
        let mut margin = MARGIN_MAX;
        while let Some(Reverse((distance, place))) = heap.pop() {
            steps += 1;
            if distance >= MARGIN_MAX {
                break;
            }
            let Place::Column(column) = place else {
                margin = distance;
                break;
            };
            if steps > MARGIN_STEPS_MAX {
                margin = distance;
                break;
            }
            if self.distance[column] < distance {
                continue;
            }
            match self.row_of[column] {
                None => heap.push(Reverse((distance + left_free, Place::Home))),
                Some(next) => {
                    heap.push(Reverse((distance - self.row_dual[next] + left_free, Place::Alone(next))));
                    self.relax(next, distance, &mut heap, home);
                    if let Some(home) = home
                        && let Some(&(_, profit)) = self.rows[next].iter().find(|(held, _)| *held == home)
                    {
                        let back = distance - profit - self.row_dual[next] - self.column_dual[home];
                        heap.push(Reverse((back, Place::Home)));
                    }
                }
            }
        }
        self.clear();
        margin
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The greatest total with one choice forbidden, by trying everything.
    fn best(rows: &[Vec<(usize, i64)>], used: u32, forbidden: (usize, Option<usize>), at: usize) -> i64 {
        let Some(row) = rows.get(at) else { return 0 };
        let allowed = |choice: Option<usize>| (at, choice) != forbidden;
        let alone = allowed(None).then(|| best(rows, used, forbidden, at + 1));
        let taken = row.iter().filter(|(column, _)| used >> column & 1 == 0 && allowed(Some(*column)));
        let taken = taken.map(|(column, profit)| profit + best(rows, used | 1 << column, forbidden, at + 1));
        taken.chain(alone).max().unwrap_or(-MARGIN_MAX)
    }

    proptest! {
        #[test]
        fn the_assignment_is_the_best_and_margins_are_exact(
            table in prop::collection::vec(prop::collection::vec(0_i64..30, 4), 0..5)
        ) {
            let rows: Vec<Vec<(usize, i64)>> = table
                .iter()
                .map(|row| row.iter().copied().enumerate().filter(|(_, profit)| *profit > 9).collect())
                .collect();
            let found = assign(&rows, 4);
            let profit = |row: usize| {
                found.columns[row].map_or(0, |column| rows[row].iter().find(|edge| edge.0 == column).unwrap().1)
            };
            let total: i64 = (0..rows.len()).map(profit).sum();
            let nothing = (usize::MAX, None);
            prop_assert_eq!(total, best(&rows, 0, nothing, 0));
            let mut taken: Vec<usize> = found.columns.iter().flatten().copied().collect();
            taken.sort_unstable();
            taken.dedup();
            prop_assert_eq!(taken.len(), found.columns.iter().flatten().count());
            for row in 0..rows.len() {
                let other = best(&rows, 0, (row, found.columns[row]), 0);
                let expected = (total - other).min(MARGIN_MAX);
                prop_assert_eq!(found.margins[row], expected, "row {} of {:?}", row, rows);
            }
        }
    }
}
