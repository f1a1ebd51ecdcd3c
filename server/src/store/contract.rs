//! What every engine keeps, written once and run on each.
