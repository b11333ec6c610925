//! Inputs as instructions: a cursor that never ends, and changes of honest bytes.
//!
//! A change is an octet that says which, two for the place (counted round and round), and what the
//! kind needs. Structures are changed through their encodings, so that every field can be; lengths
//! are not corrected, since a fuzzer finds the places of length headers by itself.

use codec::{Decode, Encode};

/// Bytes that are consumed; behind their end there are zeros.
pub(crate) struct Input<'a> {
    rest: &'a [u8],
}

impl<'a> Input<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    pub(crate) fn byte(&mut self) -> u8 {
        let (first, rest) = self.rest.split_first().unwrap_or((&0, &[]));
        self.rest = rest;
        *first
    }

    /// A number from 0 to `end`, without `end`, which is at least 1.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        let number = u16::from_be_bytes([self.byte(), self.byte()]);
        usize::from(number) % end
    }

    /// One of these.
    pub(crate) fn choose<'b, T>(&mut self, among: &'b [T]) -> &'b T {
        &among[usize::from(self.byte()) % among.len()]
    }

    /// Up to so many of the bytes that are left.
    fn take(&mut self, length: usize) -> &'a [u8] {
        let (taken, rest) = self.rest.split_at(length.min(self.rest.len()));
        self.rest = rest;
        taken
    }

    /// Whether no instruction is left.
    pub(crate) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// Honest bytes with all changes that are left, or none.
    pub(crate) fn change(&mut self, honest: &[u8]) -> Vec<u8> {
        let mut bytes = honest.to_vec();
        while !self.is_empty() {
            self.change_once(&mut bytes);
        }
        bytes
    }

    fn change_once(&mut self, bytes: &mut Vec<u8>) {
        let kind = self.byte() % 7;
        let place = self.below(bytes.len() + 1);
        let count =
            |input: &mut Self, bytes: &[u8]| usize::from(input.byte()).min(bytes.len() - place);
        match kind {
            0 => self.write(bytes, place),
            1 => {
                let bit = self.byte() % 8;
                bytes.iter_mut().skip(place).take(1).for_each(|byte| *byte ^= 1 << bit);
            }
            2 => {
                let length = usize::from(self.byte());
                let new = self.take(length);
                bytes.splice(place..place, new.iter().copied());
            }
            3 => {
                let count = count(self, bytes);
                bytes.drain(place..place + count);
            }
            4 => bytes.truncate(place),
            5 => {
                // A part of it a second time: another element of a list, as a rule.
                let count = count(self, bytes);
                let part = bytes[place..place + count].to_vec();
                let to = self.below(bytes.len() + 1);
                bytes.splice(to..to, part);
            }
            // Lengths, counts and indices are off by one.
            _ => {
                let step = if self.byte().is_multiple_of(2) { 1 } else { u8::MAX };
                let byte = bytes.iter_mut().skip(place).take(1);
                byte.for_each(|byte| *byte = byte.wrapping_add(step));
            }
        }
    }

    /// Overwrites with bytes of the input.
    fn write(&mut self, bytes: &mut [u8], place: usize) {
        let length = usize::from(self.byte() % 16) + 1;
        let new = self.take(length);
        bytes.iter_mut().skip(place).zip(new).for_each(|(old, new)| *old = *new);
    }

    /// Another value of the same type, by changes of the encoding; `None` if they break it.
    pub(crate) fn vary<T: Decode + Encode>(&mut self, honest: &T) -> Option<T> {
        T::from_bytes(&self.change(&honest.to_bytes())).ok()
    }
}
