//! What is seen of each name, added up.

/// A value for each of many numbers, nearly all of them 0. Kept from one use to the next: clearing costs what was added.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    values: Vec<i64>,
    /// Numbers with a value, each once.
    touched: Vec<u32>,
}

impl Tally {
    /// Makes room for numbers below `end`. All values are 0.
    pub(crate) fn begin(&mut self, end: usize) {
        for number in self.touched.drain(..) {
            self.values[number as usize] = 0;
        }
        if self.values.len() < end {
            self.values.resize(end, 0);
        }
    }

    /// Adds to a number's value. `value` is above 0.
    pub(crate) fn add(&mut self, number: u32, value: i64) {
        let held = self.held(number);
        *held += value;
    }

    /// Makes a number's value at least this. `value` is above 0.
    pub(crate) fn raise(&mut self, number: u32, value: i64) {
        let held = self.held(number);
        *held = (*held).max(value);
    }

    fn held(&mut self, number: u32) -> &mut i64 {
        let held = &mut self.values[number as usize];
        if *held == 0 {
            self.touched.push(number);
        }
        held
    }

    /// Numbers and their values, in the order in which they came.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u32, i64)> {
        self.touched.iter().map(|number| (*number, self.values[*number as usize]))
    }

    /// Adds to the value of each number that has one what `more` says of it.
    pub(crate) fn add_to_each(&mut self, more: impl Fn(u32) -> i64) {
        for &number in &self.touched {
            self.values[number as usize] += more(number);
        }
    }
}
