//! What avoiding double joins costs: the warm-up curves of IETF 103 and those of RFC 9420.
