//! The codec against the specification's examples (`golden`), its statements (`refused`), an independent implementation (`foreign_client` for what we
//! read, `foreign_server` for what we write) and packets with broken bytes (`mutated`).

mod foreign_client;
mod foreign_server;
mod golden;
mod mutated;
mod random;
mod refused;
