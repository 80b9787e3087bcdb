//! PackBits: a count byte, then so many bytes more, or one byte so many times (TIFF 6.0, section 9).

use crate::decompress::Fault;

/// Fills `target`; what follows it in the stream is not looked at.
///
/// # Errors
/// What is missing.
pub(super) fn decode(stored: &[u8], target: &mut [u8]) -> Result<(), Fault> {
    let (mut from, mut to) = (0, 0);
    while to < target.len() {
        let Some(&count) = stored.get(from) else {
            return Err(format!("it decodes to {to} bytes, not {}", target.len()));
        };
        from += 1;
        let count = count as i8;
        if count == -128 {
            // No operation.
            continue;
        }
        // A run may reach past the end of the block, as libtiff allows.
        let length = (usize::from(count.unsigned_abs()) + 1).min(target.len() - to);
        let place = &mut target[to..to + length];
        if count >= 0 {
            let bytes = stored.get(from..from + length);
            place.copy_from_slice(bytes.ok_or("its last run of bytes is cut short")?);
            from += length;
        } else {
            place.fill(*stored.get(from).ok_or("its last run has no byte")?);
            from += 1;
        }
        to += length;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of Apple's Technical Note TN1023.
    #[test]
    fn the_classic_example() {
        let stored =
            [0xfe, 0xaa, 0x02, 0x80, 0x00, 0x2a, 0xfd, 0xaa, 0x03, 0x80, 0x00, 0x2a, 0x22, 0xf7, 0xaa];
        let mut target = [0; 24];
        decode(&stored, &mut target).unwrap();
        assert_eq!(target[..10], [0xaa, 0xaa, 0xaa, 0x80, 0x00, 0x2a, 0xaa, 0xaa, 0xaa, 0xaa]);
        assert_eq!(target[10..14], [0x80, 0x00, 0x2a, 0x22]);
        assert_eq!(target[14..], [0xaa; 10]);
        assert!(decode(&stored, &mut [0; 25]).is_err());
        assert!(decode(&[0x05, 1, 2], &mut [0; 6]).is_err());
    }
}
