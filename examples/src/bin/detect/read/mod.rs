//! Series from files: a time and one or more values in each row.

#![allow(dead_code)] // not every program that reads series needs all of it

mod fault;
mod rows;
mod stamp;

pub(crate) use fault::Fault;
pub(crate) use rows::{Row, Rows};
#[allow(unused_imports)] // not every program of this folder needs it
pub(crate) use stamp::instant;
