//! Whole nodes for tests, on free ports and in folders of their own. Only with the feature `test-util`.

mod node;
pub mod redis;

pub use node::TestNode;
