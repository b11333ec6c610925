//! Requests to valgrind's memcheck: a sequence of instructions that does nothing on a processor and
//! that valgrind knows (its `valgrind.h` and `memcheck.h`, for x86-64).

use std::arch::asm;

const COUNT_ERRORS: u64 = 0x1201;
const RUNNING_ON_VALGRIND: u64 = 0x1001;
const MAKE_MEM_UNDEFINED: u64 = 0x4d43_0001;
const MAKE_MEM_DEFINED: u64 = 0x4d43_0002;

fn request(number: u64, address: u64, length: u64) -> u64 {
    let arguments = [number, address, length, 0, 0, 0];
    let mut answer = 0_u64;
    // SAFETY: four rotations by 128 bits in all and an exchange of a register with itself. Under
    // valgrind the arguments are read, and the answer is left in rdx.
    unsafe {
        asm!(
            "rol rdi, 3", "rol rdi, 13", "rol rdi, 61", "rol rdi, 51", "xchg rbx, rbx",
            inout("rdx") answer,
            in("rax") &raw const arguments,
            inout("rdi") 0_u64 => _,
            options(nostack),
        );
    }
    answer
}

fn mark(number: u64, bytes: &[u8]) {
    let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    request(number, bytes.as_ptr().addr().try_into().unwrap_or(0), length);
}

/// Whether this runs under valgrind.
pub(crate) fn is_running() -> bool {
    request(RUNNING_ON_VALGRIND, 0, 0) > 0
}

/// From now on no branch and no address may depend on these bytes.
pub(crate) fn conceal(bytes: &[u8]) {
    mark(MAKE_MEM_UNDEFINED, bytes);
}

/// The bytes are public from now on.
pub(crate) fn reveal(bytes: &[u8]) {
    mark(MAKE_MEM_DEFINED, bytes);
}

/// How many times something concealed decided about a branch or an address so far.
pub(crate) fn errors() -> u64 {
    request(COUNT_ERRORS, 0, 0)
}
