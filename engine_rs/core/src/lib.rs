//! The rules of a sale: `decide` says what happens or why not, `evolve` writes what happened.
