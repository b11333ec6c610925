//! The knowledge oracle: what an attacker knows, from every derivation that is made.
