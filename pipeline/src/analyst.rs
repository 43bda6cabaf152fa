//! Parquet and SQL, which stand on DataFusion; or in a build without the feature `analyst`, what says
//! that they are missing.

#[cfg(not(feature = "analyst"))]
mod absent;

#[cfg(not(feature = "analyst"))]
pub use absent::*;
#[cfg(feature = "analyst")]
pub use plumbline_analyst::{
    Table,
    archive::{Archive, ArchiveExtent},
    bucket::Buckets,
    file::ArchiveError,
    partition::{PartitionArchive, prepare},
    query::{Audience, Database, Format, QueryError},
    rows::{Rows, RowsError},
    shelf::Location,
};

/// Whether this build has them.
pub const IS_BUILT_IN: bool = cfg!(feature = "analyst");
