//! Checking many things on all cores, with the verdict of checking them in order.

use rayon::prelude::*;

use crate::Error;

/// With fewer things than this in a chunk, threads cost more than they save: signatures are the
/// most expensive thing that is checked, and this many take a millisecond.
const CHUNK_MIN: usize = 64;

/// Checks all items, in chunks of at most `length_max`. Every chunk before the first that is
/// refused is checked, so the error is that of the first.
pub(crate) fn try_in_chunks<T: Sync>(
    items: &[T],
    length_max: usize,
    check: impl Fn(&[T]) -> Result<(), Error> + Sync,
) -> Result<(), Error> {
    if items.len() <= CHUNK_MIN {
        return check(items);
    }
    // As many chunks for each thread, all of one length.
    let share = items.len().div_ceil(rayon::current_num_threads());
    let length = share.div_ceil(share.div_ceil(length_max)).max(CHUNK_MIN);
    let chunks = items.par_chunks(length);
    chunks.find_map_first(|chunk| check(chunk).err()).map_or(Ok(()), Err)
}
