//! Plumbline's archive: what a replay or a service read and decided, as Parquet files, and SQL over them.
//!
//! | module | does |
//! |---|---|
//! | [`archive`] | writes the tables `events`, `findings` and `commands` of a replay |
//! | [`partition`] | writes those of a service, for as long as it runs |
//! | [`bucket`] | reads and writes objects in S3 |
//! | [`file`] | writes one Parquet file of a table |
//! | [`rows`] | reads Parquet as records: the archive's events, or the rows of any other file |
//! | [`query`] | answers SQL over the tables of one or several results |
//!
//! Their columns are those of [`plumbline_schemas::arrow`]. This crate is apart from the program
//! because DataFusion takes longer to build than everything else together.

pub mod archive;
mod batch;
pub mod bucket;
pub mod file;
mod growing;
mod nested;
pub mod partition;
pub mod query;
mod records;
pub mod rows;
pub mod shelf;
mod table;

pub use table::Table;
