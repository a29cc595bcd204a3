//! Every bound of flux-bench that is not a flag, with its reason.

/// Documents that stay in the folder of runs; the oldest go. A document of a ten-second run is some 60 KB, so this is about 12 MB.
pub const RUNS_KEPT: usize = 200;

/// Of a document that is read: an hour at full detail is a few MB, so what is larger was not written by flux-bench.
pub const RUN_BYTES: u64 = 256 * 1_024 * 1_024;
