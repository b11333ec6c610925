//! openmls as a client of the interoperability harness.
