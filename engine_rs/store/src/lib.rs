//! LMDB behind the rules: tables, the one writer, readers, journal, snapshot and verify.
