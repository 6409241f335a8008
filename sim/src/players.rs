//! Who uses the network: programs over the real client.

mod viewer;

pub use viewer::Viewer;
