//! Asynchronous Ratcheting Trees (2017, and draft-01), in three forms.
