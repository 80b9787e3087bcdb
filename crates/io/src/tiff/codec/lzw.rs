//! LZW as TIFF has it: most significant bit first and widened one code early, or, in files of before 1992, neither.

use weezl::{BitOrder, LzwStatus, decode::Decoder};

use super::Fault;

/// Fills `target`; what follows it in the stream is not looked at.
///
/// # Errors
/// What is missing or wrong.
pub(super) fn decode(stored: &[u8], kept: &mut Option<Decoder>, target: &mut [u8]) -> Result<(), Fault> {
    // Every stream begins with the code for clearing the table, whose bits tell the two orders apart.
    let mut old;
    let decoder = if let [0, second, ..] = stored
        && second & 1 == 1
    {
        old = Decoder::new(BitOrder::Lsb, 8);
        &mut old
    } else {
        let decoder = kept.get_or_insert_with(|| Decoder::with_tiff_size_switch(BitOrder::Msb, 8));
        decoder.reset();
        decoder
    };
    let (mut from, mut to) = (0, 0);
    while to < target.len() {
        let step = decoder.decode_bytes(&stored[from..], &mut target[to..]);
        from += step.consumed_in;
        to += step.consumed_out;
        match step.status {
            Ok(LzwStatus::Ok) if step.consumed_in + step.consumed_out > 0 => {}
            Ok(_) => break,
            Err(_) => return Err("its LZW stream is damaged".into()),
        }
    }
    if to < target.len() {
        return Err(format!("it decodes to {to} bytes, not {}", target.len()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_orders_are_read() {
        let plain = (0..5000_u32).map(|index| (index * index / 97) as u8).collect::<Vec<_>>();
        let new = weezl::encode::Encoder::with_tiff_size_switch(BitOrder::Msb, 8).encode(&plain).unwrap();
        let old = weezl::encode::Encoder::new(BitOrder::Lsb, 8).encode(&plain).unwrap();
        let mut kept = None;
        for stored in [&new, &old, &new] {
            let mut target = vec![0; plain.len()];
            decode(stored, &mut kept, &mut target).unwrap();
            assert_eq!(target, plain);
        }
        assert!(decode(&new[..new.len() / 2], &mut kept, &mut vec![0; plain.len()]).is_err());
        assert!(decode(&new, &mut kept, &mut vec![0; plain.len() + 1]).is_err());
        assert!(decode(&[], &mut kept, &mut [0]).is_err());
    }
}
