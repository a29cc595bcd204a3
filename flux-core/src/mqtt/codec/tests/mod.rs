//! The codec against the specification's examples (`golden`) and its statements (`refused`).

mod golden;
mod refused;
