//! llguidance's C interface as a static library; see ../README.md.
pub use llguidance::ffi::*;
