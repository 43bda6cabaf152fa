//! Plumbline's archive: what a replay read and decided, as Parquet files, and SQL over them.
//!
//! | module | does |
//! |---|---|
//! | [`archive`] | writes the tables `events`, `findings` and `commands` |
//! | [`rows`] | reads Parquet as records: the archive's events, or the rows of any other file |
//! | [`query`] | answers SQL over the tables of one or several results |
//!
//! Their columns are those of [`plumbline_schemas::arrow`]. This crate is apart from the program
//! because DataFusion takes longer to build than everything else together.

pub mod archive;
mod batch;
mod nested;
pub mod query;
mod records;
pub mod rows;
mod table;

pub use table::Table;
