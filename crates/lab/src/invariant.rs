//! Who knows which node: the tree invariant, followed through random histories.
