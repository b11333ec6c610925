//! Base64 (RFC 4648, section 4): with padding, strict but for white space, which mail and editors
//! insert.

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// The text of these bytes.
pub(crate) fn encode(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let number = (0..3).fold(0, |number: u32, place| {
            number << 8 | u32::from(chunk.get(place).copied().unwrap_or(0))
        });
        for place in 0..4 {
            // 64 values for 6 bits: the index always exists.
            let letter = ALPHABET[(number >> (18 - 6 * place) & 63) as usize];
            text.push(if place <= chunk.len() { char::from(letter) } else { '=' });
        }
    }
    text
}

/// The bytes of this text; `None` if it is none.
pub(crate) fn decode(text: &[u8]) -> Option<Vec<u8>> {
    let letters: Vec<u8> =
        text.iter().copied().filter(|letter| !letter.is_ascii_whitespace()).collect();
    if !letters.len().is_multiple_of(4) {
        return None;
    }
    let padding = letters.iter().rev().take_while(|&&letter| letter == b'=').count();
    if padding > 2 {
        return None;
    }
    let mut bytes = Vec::with_capacity(letters.len() / 4 * 3);
    let mut number = 0_u32;
    for (place, letter) in letters.iter().enumerate() {
        let value = match letter {
            b'=' if place + padding >= letters.len() => 0,
            letter => ALPHABET.iter().position(|it| it == letter)?,
        };
        number = number << 6 | u32::try_from(value).ok()?;
        if place % 4 == 3 {
            bytes.extend_from_slice(&number.to_be_bytes()[1..]);
            number = 0;
        }
    }
    let length = bytes.len() - padding;
    // Bits that stand for nothing must be zero, so that each text has one meaning and back.
    let rest_is_zero = bytes[length..].iter().all(|&byte| byte == 0);
    bytes.truncate(length);
    rest_is_zero.then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::{decode, encode};

    #[test]
    fn the_examples_of_the_rfc_hold() {
        let examples = ["", "Zg==", "Zm8=", "Zm9v", "Zm9vYg==", "Zm9vYmE=", "Zm9vYmFy"];
        for (length, text) in examples.into_iter().enumerate() {
            let bytes = &b"foobar"[..length];
            assert_eq!(encode(bytes), text);
            assert_eq!(decode(text.as_bytes()).unwrap(), bytes);
        }
        let every: Vec<u8> = (0..=255).collect();
        assert_eq!(decode(encode(&every).as_bytes()).unwrap(), every);
    }

    #[test]
    fn what_is_not_base64_is_refused() {
        for text in ["A", "AA", "AAA", "A===", "====", "Zg=a", "Zh==", "Zm9=", "Zm 9v_", "\0\x01"] {
            assert_eq!(decode(text.as_bytes()), None, "{text:?}");
        }
        assert_eq!(decode(b" Zm9v\nYmFy\r\n").unwrap(), b"foobar");
    }
}
